"""Processes that share a file: forked, heard through pipes, and ended with the one that needs them, which works, too.

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
_MOST_OWN_AHEAD: Final = 64  # frames
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


class _Own:
    """What the one that hears the others does itself, for which it waits for nobody."""

    def __init__(self, frames: Iterator[Frame]) -> None:
        self._rest = frames
        self._frames: deque[Frame] = deque()

    def work(self) -> bool:
        """Do a frame more, where there is one, and room for it."""
        if len(self._frames) >= _MOST_OWN_AHEAD:
            return False
        for frame in self._rest:
            self._frames.append(frame)
            return True
        return False

    def take(self) -> Frame | None:
        """The oldest frame; None at the end."""
        return self._frames.popleft() if self._frames else next(self._rest, None)


class Crew:
    """`work(number)` for each number below `size`: 0 in this process, the others in one of their own.

    They are there from entering to leaving. No other thread may run when it is entered: forked, it would be missing.
    Raises `CrewError`.
    """

    def __init__(self, work: Work, size: int, patience_s: int = PATIENCE_S) -> None:
        self._work = work
        self._size = size
        self._patience_s = patience_s
        self._own = _Own(work(0))
        self._members: list[_Member] = []

    def __enter__(self) -> "Crew":
        sys.stdout.flush()
        sys.stderr.flush()
        # Were it ignored, as some launchers leave it, a process that ends would give its number away at once.
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        # An interrupt waits until all are known; in them it waits for ever, since who is interrupted ends them.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            for number in range(1, self._size):
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
        return [self._own_frames(), *map(self._frames, self._members)]

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

    def _own_frames(self) -> Iterator[Frame]:
        while (frame := self._own.take()) is not None:
            self._listen(0)  # or who tells more than a pipe holds would wait
            yield frame

    def _frames(self, member: _Member) -> Iterator[Frame]:
        while True:
            while not member.frames:
                self._hear(member)
            yield _decoder.decode(member.take())

    def _hear(self, wanted: _Member) -> None:
        """Hear somebody, the one that is wanted in any case, and work as long as nobody says anything."""
        if wanted.silent:
            raise CrewError(self._death(wanted))
        for _ in range(self._patience_s):
            while not (heard := self._listen(0, wanted)) and self._own.work():
                pass
            if heard or self._listen(1_000, wanted):
                return
        raise CrewError(f"a process that reads the file said nothing for {self._patience_s} seconds, and was ended")

    def _listen(self, wait_ms: int, wanted: _Member | None = None) -> bool:
        """Hear who says something within that time, as far as there is room; whether anybody did."""
        poll = select.poll()
        by_pipe = {member.pipe: member for member in self._members if not member.silent}
        for pipe, member in by_pipe.items():
            if member is wanted or member.ahead < MOST_AHEAD:
                poll.register(pipe, select.POLLIN)
        heard = poll.poll(wait_ms)
        for pipe, _events in heard:
            by_pipe[pipe].hear()
        return bool(heard)

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
    line = _Line(pipe)
    for frame in frames:
        try:
            octets = _encoder.encode(frame)
        except UnicodeEncodeError:
            octets = _encoder.encode(Unshared("it holds characters that are no text"))
        line.put(_SIZE.pack(len(octets)) + octets)
    line.flush()
    return 0


class _Line:
    """What a process tells waits here while the pipe is full, so that the process goes on with its work."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe
        self._waiting: deque[memoryview] = deque()
        self._octets = 0  # of these
        os.set_blocking(pipe, False)

    def put(self, octets: bytes) -> None:
        """Say this as soon as may be; where too much waits, wait for who hears it. Raises BrokenPipeError."""
        self._waiting.append(memoryview(octets))
        self._octets += len(octets)
        self._write()
        if self._octets >= MOST_AHEAD:
            self.flush()

    def flush(self) -> None:
        """Wait until all is said."""
        os.set_blocking(self._pipe, True)
        self._write()
        os.set_blocking(self._pipe, False)

    def _write(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._waiting:
                written = os.write(self._pipe, self._waiting[0])
                self._octets -= written
                if rest := self._waiting[0][written:]:
                    self._waiting[0] = rest
                else:
                    self._waiting.popleft()


def _widen(pipe: int) -> None:
    """Let more fit into a pipe, so that who fills it waits less for who empties it. Linux can do that."""
    with contextlib.suppress(OSError, AttributeError):
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE)
