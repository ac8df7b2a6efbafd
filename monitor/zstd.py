"""zstd with dictionaries of ours: each frame names the one that it needs, and those of older versions stay."""

import threading
from functools import cache
from importlib.resources import files
from typing import Final

import zstandard

DICTIONARIES: Final = files("monitor").joinpath("dictionaries")
_LARGEST: Final = 256 * 1024 * 1024  # octets unpacked: more than one commit ever holds


class UnreadableError(ValueError):
    """These bytes can't be read: damaged, or written by a version that this one doesn't know."""


class Codec(threading.local):
    """Frames of one kind, by the dictionaries `NAME-1.zdict`, `NAME-2.zdict`, …; `newest` is written with.

    A zstd context costs more than a few messages, and belongs to one thread at a time. Without `magic` the four
    octets that tell a zstd frame from other things are left out.
    """

    def __init__(self, name: str, newest: int, level: int, *, magic: bool = True) -> None:
        self._name = name
        self._newest = newest
        self._level = level
        self._format = zstandard.FORMAT_ZSTD1 if magic else zstandard.FORMAT_ZSTD1_MAGICLESS
        self._compressor: zstandard.ZstdCompressor | None = None
        self._decompressors: dict[int, zstandard.ZstdDecompressor] = {}  # by number of the dictionary; 0: none

    def compress(self, data: bytes) -> bytes:
        """One frame."""
        if self._compressor is None:
            self._compressor = self._made()
        return self._compressor.compress(data)

    def decompress(self, data: bytes | memoryview) -> bytes:
        """What is in a frame, whichever dictionary it was written with. Raises `UnreadableError`."""
        try:
            number = zstandard.get_frame_parameters(data, format=self._format).dict_id
            if number not in self._decompressors:
                dictionary = _needed(self._name, number) if number else None
                self._decompressors[number] = zstandard.ZstdDecompressor(dict_data=dictionary, format=self._format)
            return self._decompressors[number].decompress(data, max_output_size=_LARGEST)
        except zstandard.ZstdError as error:
            raise UnreadableError(str(error)) from error

    def _made(self) -> zstandard.ZstdCompressor:
        dictionary = _dictionary(self._name, self._newest, self._level)
        if self._format == zstandard.FORMAT_ZSTD1:
            return zstandard.ZstdCompressor(level=self._level, dict_data=dictionary)
        words = {"format": self._format, "write_dict_id": True}
        parameters = zstandard.ZstdCompressionParameters.from_level(self._level, **words)
        return zstandard.ZstdCompressor(compression_params=parameters, dict_data=dictionary)


@cache
def _dictionary(name: str, number: int, level: int | None = None) -> zstandard.ZstdCompressionDict:
    """A dictionary; prepared for a level when it is to be written with."""
    dictionary = zstandard.ZstdCompressionDict(DICTIONARIES.joinpath(f"{name}-{number}.zdict").read_bytes())
    if level is not None:
        dictionary.precompute_compress(level=level)
    return dictionary


def _needed(name: str, number: int) -> zstandard.ZstdCompressionDict:
    try:
        return _dictionary(name, number)
    except FileNotFoundError as error:
        raise UnreadableError(f"it needs dictionary {name}-{number}, which this version doesn't have") from error
