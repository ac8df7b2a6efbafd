"""Octets of files and pipes, as they come."""

import gzip
import os
from pathlib import Path

import pytest

from collectors.receivers.octets import Octets

CONTENT = os.urandom(1000) * 3000


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    return path


def test_what_a_pipe_has_given_is_there_at_once_though_more_may_come(fifo: Path) -> None:
    """A chunk unpacks to several pieces, and the writer says nothing for a while."""
    holds = os.open(fifo, os.O_RDWR)  # else opening it would wait for the other side
    octets = Octets(str(fifo))
    os.write(holds, gzip.compress(CONTENT))
    found = b""
    while octets.wait(0):
        piece = octets.read()
        assert len(piece) <= 1 << 20
        found += piece
    assert found == CONTENT
    assert not octets.finished
    os.close(holds)
    assert octets.wait(1)
    assert (octets.read(), octets.finished, octets.fault) == (b"", True, "")
    octets.close()


def test_the_first_octets_may_come_one_by_one(fifo: Path) -> None:
    holds = os.open(fifo, os.O_RDWR)
    octets = Octets(str(fifo))
    found = b""
    for octet in b"\xd4\xc3\xb2\xa1\x02\x00":
        os.write(holds, bytes((octet,)))
        found += octets.read()
    os.close(holds)
    assert found == b"\xd4\xc3\xb2\xa1\x02\x00"
    octets.close()


def test_a_regular_file_comes_in_pieces_that_know_where_a_mebibyte_of_it_ends(tmp_path: Path) -> None:
    path = tmp_path / "content"
    path.write_bytes(CONTENT)
    octets = Octets(str(path))
    chunks = [b""]
    while not octets.finished:
        chunks[-1] += octets.read()
        if not octets.within_chunk:
            chunks.append(b"")
    mebibyte = 1 << 20
    assert chunks == [CONTENT[:mebibyte], CONTENT[mebibyte : 2 * mebibyte], CONTENT[2 * mebibyte :], b"", b""]
    octets.close()


def test_a_file_that_is_compressed_has_no_such_pieces(tmp_path: Path) -> None:
    path = tmp_path / "content.gz"
    path.write_bytes(gzip.compress(os.urandom(3 << 19)))
    octets = Octets(str(path))
    within = []
    while not octets.finished:
        octets.read()
        within.append(octets.within_chunk)
    assert not any(within)
    octets.close()


def test_a_file_that_is_cut_while_it_is_read_ends_there(tmp_path: Path) -> None:
    path = tmp_path / "content"
    path.write_bytes(CONTENT)
    octets = Octets(str(path))
    octets.read()
    octets.read()
    os.truncate(path, 1 << 20)
    assert octets.within_chunk
    assert (octets.read(), octets.finished, octets.within_chunk) == (b"", True, False)
    octets.close()
