"""The spool: in order, bounded, whole after a crash."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.exporters.spool import Dropped, Record, Spool, SpoolError

MANY = 10_000_000


def record(number: int, size: int = 100) -> Record:
    return Record(
        8, number % 8, 3, 1000 * number, 1000 * number + 500, 1000 * number, f"{number:08d}".encode().ljust(size, b".")
    )


def fill(spool: Spool, *numbers: int) -> Spool:
    for number in numbers:
        spool.append(record(number))
    return spool


class Open(Protocol):
    """Opens a spool that the test need not close."""

    def __call__(self, limit: int = MANY) -> Spool: ...


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Open]:
    with ExitStack() as stack:

        def make(limit: int = MANY) -> Spool:
            spool = Spool(tmp_path, limit)
            stack.callback(spool.close)
            return spool

        yield make


def drain(spool: Spool, step: int = 7) -> list[Record]:
    taken: list[Record] = []
    while records := spool.head(step):
        taken += records
        spool.remove(records)
    return taken


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.spool"))


def test_records_come_out_in_the_order_in_which_they_went_in(tmp_path: Path, opened: Open) -> None:
    spool = fill(opened(), *range(50))
    assert (spool.empty, spool.events) == (False, 150)
    assert drain(spool) == [record(number) for number in range(50)]
    assert (spool.empty, spool.events, spool.octets, files(tmp_path)) == (True, 0, 0, [])


def test_what_arrives_while_it_drains_waits_its_turn(opened: Open) -> None:
    spool = fill(opened(), *range(3))
    (first,) = spool.head(1)
    spool.remove([first])
    spool.append(record(3))
    assert [first, *drain(spool)] == [record(number) for number in range(4)]


def test_records_survive_a_restart(opened: Open) -> None:
    fill(opened(), *range(20)).close()
    spool = opened()
    assert spool.events == 60
    spool.append(record(20))
    assert drain(spool) == [record(number) for number in range(21)]


def test_a_killed_process_leaves_all_that_it_had_written(tmp_path: Path, opened: Open) -> None:
    program = (
        "import os, sys\nfrom tests.collectors.exporters.test_spool import *\n"
        "fill(Spool(Path(sys.argv[1]), MANY), *range(30))\nos.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False).returncode == -9
    assert drain(opened()) == [record(number) for number in range(30)]


def test_what_was_not_delivered_stays_in_its_place(opened: Open) -> None:
    spool = fill(opened(), *range(6))
    head = spool.head(4)
    spool.remove([head[1], head[3]])
    assert spool.events == 12
    assert drain(spool) == [record(number) for number in (0, 2, 4, 5)]
    assert spool.empty


def test_after_a_crash_the_delivered_part_of_a_segment_comes_again(opened: Open) -> None:
    spool = fill(opened(), *range(10))
    spool.remove(spool.head(4))
    spool.close()
    assert drain(opened()) == [record(number) for number in range(10)]


@pytest.mark.parametrize("lost", [1, 50, 100, 135])
def test_a_record_cut_by_a_crash_is_counted_and_the_others_are_whole(tmp_path: Path, opened: Open, lost: int) -> None:
    fill(opened(), *range(5)).close()
    (path,) = files(tmp_path)
    path.write_bytes(path.read_bytes()[:-lost])
    spool = opened()
    spool.append(record(9))
    assert drain(spool) == [*(record(number) for number in range(4)), record(9)]
    assert spool.damaged == 1


def test_damage_in_the_middle_costs_only_what_it_touches(tmp_path: Path, opened: Open) -> None:
    fill(opened(), *range(5)).close()
    (path,) = files(tmp_path)
    data = bytearray(path.read_bytes())
    data[2 * len(data) // 5 + 60] ^= 1
    path.write_bytes(data)
    spool = opened()
    assert [each.data for each in drain(spool)] == [record(number).data for number in (0, 1, 3, 4)]
    assert spool.damaged == 1


def test_a_file_without_any_record_is_passed_over(tmp_path: Path, opened: Open) -> None:
    (tmp_path / "000000000000.spool").write_bytes(b"OHS1" * 100)
    (tmp_path / "000000000001.spool").write_bytes(b"")
    spool = opened()
    spool.append(record(1))
    assert drain(spool) == [record(1)]
    assert files(tmp_path) == []


@given(data=st.data())
def test_whatever_happens_to_a_file_only_whole_records_come_out(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("spool")
    fill(Spool(folder, MANY), *range(6)).close()
    (path,) = files(folder)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(0, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    spool = Spool(folder, MANY)
    written = [record(number) for number in range(6)]
    assert [each for each in drain(spool) if each not in written] == []
    spool.close()


def test_when_it_is_full_the_oldest_make_room_and_are_counted(opened: Open) -> None:
    spool = opened(4_000)
    dropped = [lost for number in range(60) if (lost := spool.append(record(number))).events]
    kept = drain(spool)
    assert kept == [record(number) for number in range(60 - len(kept), 60)]
    assert sum(each.events for each in dropped) == 3 * (60 - len(kept))
    assert dropped[0] == Dropped(21, 0, 6500)  # the first segment: seven records
    assert [each.from_us for each in dropped[1:]] == [each.to_us + 500 for each in dropped[:-1]]


def test_what_was_delivered_of_the_oldest_is_not_counted_as_lost(opened: Open) -> None:
    spool = fill(opened(4_000), *range(16))
    spool.remove(spool.head(5))
    lost = Dropped()
    for number in range(16, 60):
        lost = lost.plus(*spool.append(record(number)))
    assert lost.events + sum(each.events for each in drain(spool)) == 3 * 55


def test_it_never_holds_more_than_its_limit(tmp_path: Path, opened: Open) -> None:
    spool = opened(2_000)
    for number in range(40):
        spool.append(record(number, 50 + 37 * number % 400))
        assert sum(path.stat().st_size for path in files(tmp_path)) == spool.octets <= 2_000


def test_a_record_larger_than_the_limit_is_dropped_and_counted(opened: Open) -> None:
    spool = opened(1_000)
    assert spool.append(record(1, 5_000)) == Dropped(3, 1000, 1500)
    assert spool.empty


def test_two_processes_can_not_share_a_folder(tmp_path: Path, opened: Open) -> None:
    first = opened()
    with pytest.raises(SpoolError, match="in use by another collector"):
        Spool(tmp_path, MANY)
    first.close()
    opened().close()


def test_a_folder_that_can_not_be_made_is_an_error_that_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SpoolError, match="file/spool can't be used"):
        Spool(tmp_path / "file" / "spool", MANY)


def test_a_full_disk_is_counted_and_leaves_whole_records(tmp_path: Path) -> None:
    # The kernel refuses to let a file of this process grow: the nearest to a full disk without one.
    program = """
import resource, signal, sys
from tests.collectors.exporters.test_spool import *
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (450, resource.RLIM_INFINITY))
spool = Spool(Path(sys.argv[1]), MANY)
lost = [spool.append(record(number)).events for number in range(5)]
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
assert lost == [0, 0, 0, 3, 3], lost
assert spool.failures == 2
spool.append(record(7))
assert drain(spool) == [record(number) for number in (0, 1, 2, 7)]
spool.close()
"""
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True)
