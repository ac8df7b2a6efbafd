"""Processes that share a file: forked, heard through pipes, and ended with the one that needs them.

A frame is its length in four octets, then msgpack. A process that is ahead of the others is heard only as far as
there is room; one that says nothing for too long is ended, as are all when one dies.
"""

import contextlib
import fcntl
import os
import select
import signal
import struct
import sys
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Final, NoReturn

import msgspec

from monitor.analyze.frames import CrewError, Frame, Unshared

# Without frames from one process, while more of another are not asked for.
MOST_AHEAD: Final = 64 * 1024 * 1024  # octets
_PIPE: Final = 1024 * 1024
# A second at a time, so that the time while all of us were stopped is not counted.
PATIENCE_S: Final = 120
_SIZE: Final = struct.Struct("!I")
_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(Frame)

Work = Callable[[int], Iterator[Frame]]


class _Member:
    """One of the processes, as the one that hears it knows it."""

    def __init__(self, pid: int, pipe: int) -> None:
        self.pid = pid
        self.pipe = pipe
        self.frames: deque[bytes] = deque()
        self.ahead = 0  # octets of these
        self.silent = False  # it has told all, or is dead
        self._rest = bytearray()

    def hear(self) -> None:
        """Take what there is."""
        data = os.read(self.pipe, _PIPE)
        self.silent = not data
        self._rest += data
        begin = 0
        while len(self._rest) - begin >= _SIZE.size:
            end = begin + _SIZE.size + _SIZE.unpack_from(self._rest, begin)[0]
            if len(self._rest) < end:
                break
            self.frames.append(bytes(self._rest[begin + _SIZE.size : end]))
            self.ahead += end - begin
            begin = end
        del self._rest[:begin]

    def take(self) -> bytes:
        """The oldest frame."""
        frame = self.frames.popleft()
        self.ahead -= _SIZE.size + len(frame)
        return frame


class Crew:
    """`work(number)` in a process of its own for each number, from entering to leaving.

    No other thread may run when it is entered: forked, it would be missing. Raises `CrewError`.
    """

    def __init__(self, work: Work, size: int, patience_s: int = PATIENCE_S) -> None:
        self._work = work
        self._size = size
        self._patience_s = patience_s
        self._members: list[_Member] = []

    def __enter__(self) -> "Crew":
        sys.stdout.flush()
        sys.stderr.flush()
        # Were it ignored, as some launchers leave it, a process that ends would give its number away at once.
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        # An interrupt waits until all are known; in them it waits for ever, since who is interrupted ends them.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            for number in range(self._size):
                self._members.append(self._fork(number))
        except OSError as error:
            self.end()
            raise CrewError(f"no process can be made: {error.strerror}; --jobs 1 needs none") from error
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def frames(self) -> list[Iterator[Frame]]:
        """What each of them tells, to be taken in about the same measure. Raises `CrewError` while iterating."""
        return [self._frames(member) for member in self._members]

    def ahead(self) -> int:
        """Octets of frames that were told and not taken."""
        return sum(member.ahead for member in self._members)

    def end(self) -> None:
        """End all of them, whatever they do; twice is once."""
        for member in self._members:
            os.close(member.pipe)
            os.kill(member.pid, signal.SIGKILL)  # not waited for yet, so that the number is still its own
        for member in self._members:
            os.waitpid(member.pid, 0)
        self._members.clear()

    def _frames(self, member: _Member) -> Iterator[Frame]:
        while True:
            while not member.frames:
                self._hear(member)
            yield _decoder.decode(member.take())

    def _hear(self, wanted: _Member) -> None:
        """Hear those for which there is room, the one that is wanted among them."""
        if wanted.silent:
            raise CrewError(self._death(wanted))
        poll = select.poll()
        for member in self._members:
            if not member.silent and (member is wanted or member.ahead < MOST_AHEAD):
                poll.register(member.pipe, select.POLLIN)
        by_pipe = {member.pipe: member for member in self._members}
        for _ in range(self._patience_s):
            if heard := poll.poll(1_000):
                for pipe, _events in heard:
                    by_pipe[pipe].hear()
                return
        raise CrewError(f"a process that reads the file said nothing for {self._patience_s} seconds, and was ended")

    def _death(self, member: _Member) -> str:
        _, status = os.waitpid(member.pid, 0)
        self._members.remove(member)
        os.close(member.pipe)
        code = os.waitstatus_to_exitcode(status)
        how = f"by signal {-code} ({signal.strsignal(-code)})" if code < 0 else f"with exit code {code}"
        hint = "; perhaps memory ran out: --jobs 1 reads it in one process" if code == -signal.SIGKILL else ""
        return f"a process that reads the file ended {how} before it was done{hint}"

    def _fork(self, number: int) -> _Member:
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            self._run(number, writing, [reading, *(member.pipe for member in self._members)])
        os.close(writing)
        return _Member(pid, reading)

    def _run(self, number: int, pipe: int, of_others: list[int]) -> NoReturn:
        """What the forked process does."""
        code = 1
        try:
            for other in of_others:
                os.close(other)
            _widen(pipe)
            code = _tell(pipe, self._work(number))
        except BrokenPipeError:
            pass  # nobody hears us any more
        except BaseException:  # noqa: BLE001 - nothing may return from here into what the other process does
            traceback.print_exc()
        finally:
            os._exit(code)


def _tell(pipe: int, frames: Iterator[Frame]) -> int:
    for frame in frames:
        try:
            octets = _encoder.encode(frame)
        except UnicodeEncodeError:
            octets = _encoder.encode(Unshared("it holds characters that are no text"))
        _write(pipe, _SIZE.pack(len(octets)))
        _write(pipe, octets)
    return 0


def _write(pipe: int, octets: bytes) -> None:
    view = memoryview(octets)
    while view:
        view = view[os.write(pipe, view) :]


def _widen(pipe: int) -> None:
    """Let more fit into a pipe, so that who fills it waits less for who empties it. Linux can do that."""
    with contextlib.suppress(OSError, AttributeError):
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE)
