"""The spool: what is on disk is read again as it was, whatever was cut, killed, forked, or full."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.connectors.publish.spool import Spool, SpoolFull, SpoolUnusable
from tocsin.connectors.publish.spool import spool as module
from tocsin.connectors.publish.spool.frames import MARK, frame, read_frames

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")  # the forks, from Python 3.12 on

SALT = b"8 bytes."


def drained(spool: Spool) -> list[bytes]:
    """Everything in it, done with."""
    found: list[bytes] = []
    while records := spool.take(64 * 1024):
        found += records
        spool.ack(len(records))
    return found


@contextmanager
def spool_in(folder: Path, **settings: object) -> Iterator[Spool]:
    spool = Spool(folder, **settings)  # type: ignore[arg-type]
    spool.prepare()
    try:
        yield spool
    finally:
        spool.close()


def files_in(folder: Path) -> list[Path]:
    return sorted(folder.glob("*/*.spool"))


@st.composite
def a_file(draw: st.DrawFn) -> tuple[list[bytes], bytes]:
    # records that hold whole ones of another place, or of another file, are the ones to mistake
    inner = st.builds(frame, st.binary(max_size=20), st.just(1), st.sampled_from([SALT, b"another!"]))
    records = draw(st.lists(st.binary(max_size=60) | inner | st.just(MARK), max_size=8))
    data = b""
    for record in records:
        data += frame(record, len(data), SALT)
    return records, data


@given(a_file(), st.integers(0, 600))
def test_a_file_that_is_cut_anywhere_holds_the_records_before(made: tuple[list[bytes], bytes], cut: int) -> None:
    records, data = made
    found = read_frames(data[:cut], 0, SALT, ended=True)
    read = [record for record, _ in found.records]
    assert read == records[: len(read)]
    whole = found.records[-1][1] if found.records else 0
    assert found.upto == min(cut, len(data))
    assert found.damaged == found.upto - whole, "only the tail is given up"
    left = read_frames(data[:cut], 0, SALT, ended=False)
    assert left.records == found.records
    rest = read_frames(data[left.upto :], left.upto, SALT, ended=True)
    assert read + [record for record, _ in rest.records] == records, "a record that was not there yet is read later"


@given(a_file(), st.integers(0, 600), st.integers(1, 255))
def test_a_byte_that_is_flipped_costs_its_record_and_no_other(
    made: tuple[list[bytes], bytes], place: int, by: int
) -> None:
    records, data = made
    if not data:
        return
    place %= len(data)
    flipped = bytearray(data)
    flipped[place] ^= by
    read = [record for record, _ in read_frames(bytes(flipped), 0, SALT, ended=True).records]
    ends = [end for _, end in read_frames(data, 0, SALT, ended=True).records]
    hit = next(number for number, end in enumerate(ends) if place < end)
    assert read == records[:hit] + records[hit + 1 :]


@given(st.binary(max_size=300), st.booleans())
def test_anything_at_all_is_no_record(data: bytes, ended: bool) -> None:
    found = read_frames(data, 0, SALT, ended=ended)
    assert found.records == []
    assert found.damaged == found.upto <= len(data)


def test_records_come_back_in_order_and_go_when_they_are_done_with(tmp_path: Path) -> None:
    with spool_in(tmp_path, max_bytes=256 * 1024) as spool:
        records = [f"{number}".encode() * 300 for number in range(150)]
        for record in records:
            spool.append(record)
        assert len(files_in(tmp_path)) > 1
        first = spool.take(5000)
        spool.ack(2)
        spool.rewind()
        assert spool.take(5000)[:3] == records[2:5], "what is not acknowledged is taken again"
        spool.rewind()
        assert first[:2] + drained(spool) == records
        assert (files_in(tmp_path), spool.state.waiting, spool.unread) == ([], 0, False)
        spool.append(b"later")
        assert drained(spool) == [b"later"]
    assert list(tmp_path.iterdir()) == [], "an empty one leaves nothing behind"


def test_only_its_user_can_read_it(tmp_path: Path) -> None:
    with spool_in(tmp_path / "spool") as spool:
        spool.append(b"x")
        modes = {path.name[:4]: path.stat().st_mode & 0o777 for path in (tmp_path / "spool").rglob("*")}
    assert modes.pop("kafk") == 0o700
    assert set(modes.values()) == {0o600}
    assert (tmp_path / "spool").stat().st_mode & 0o777 == 0o700


def in_a_child(work: Callable[[], None]) -> None:
    """Run it in a forked process, which ends without cleaning up."""
    pid = os.fork()
    if pid == 0:
        code = 1
        with contextlib.suppress(BaseException):
            work()
            code = 0
        os._exit(code)
    assert os.waitpid(pid, 0)[1] == 0


def test_what_an_ended_process_left_is_taken_over_by_one(tmp_path: Path) -> None:
    def leave() -> None:
        spool = Spool(tmp_path)
        for number in range(3):
            spool.append(b"left %d" % number)
        assert spool.take(1)
        spool.ack(1)

    in_a_child(leave)
    with spool_in(tmp_path) as one, spool_in(tmp_path) as other:
        assert (one.state.taken_over, other.state.taken_over) == (1, 0)
        one.append(b"new")
        assert drained(one) == [b"left 1", b"left 2", b"new"], "first what is older, and nothing that was done with"
        assert one.state.taken_over == 0


def test_what_a_running_process_has_is_left_to_it(tmp_path: Path) -> None:
    with spool_in(tmp_path) as running:
        running.append(b"mine")
        with spool_in(tmp_path) as other:
            assert not other.unread
        with spool_in(tmp_path, kind="http") as other:
            assert not other.unread
        assert drained(running) == [b"mine"]
    with spool_in(tmp_path, kind="http") as http:
        http.append(b"a request")
    with spool_in(tmp_path) as kafka:
        assert not kafka.unread, "of another kind of publisher"
    assert len(files_in(tmp_path)) == 1


def test_the_child_of_a_fork_begins_its_own(tmp_path: Path) -> None:
    with spool_in(tmp_path) as spool:
        spool.append(b"the parent's")

        def child() -> None:
            assert not spool.unread
            spool.append(b"the child's")
            spool.take_over()
            assert drained(spool) == [b"the child's"]
            spool.append(b"left by the child")

        in_a_child(child)
        spool.append(b"the parent's, later")
        spool.take_over()
        assert sorted(drained(spool)) == [b"left by the child", b"the parent's", b"the parent's, later"]


def test_a_killed_process_leaves_whole_records_and_at_most_one_cut_short(tmp_path: Path) -> None:
    code = """
import sys
from tocsin.connectors.publish.spool import Spool
spool = Spool(sys.argv[1])
for number in range(10**9):
    spool.append(b"%d " % number * 2000)
    print(number, flush=True)"""
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(50)]
        process.send_signal(signal.SIGKILL)
        said += process.stdout.readlines()
    accepted = int([line for line in said if line.endswith(b"\n")][-1])
    with spool_in(tmp_path) as spool:
        numbers = [int(record.split()[0]) for record in drained(spool)]
        assert numbers in (list(range(accepted + 1)), list(range(accepted + 2)))


def test_a_tail_that_was_cut_short_is_given_up_and_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def leave() -> None:
        spool = Spool(tmp_path)
        spool.append(b"whole")
        spool.append(b"cut short")

    in_a_child(leave)
    [file] = files_in(tmp_path)
    os.truncate(file, file.stat().st_size - 3)
    with spool_in(tmp_path) as spool:
        assert drained(spool) == [b"whole"]
        assert spool.state.damaged == len(frame(b"cut short", 0, SALT)) - 3
    assert "18 bytes were no record" in caplog.text
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_was_removed_is_told_and_stops_nothing(tmp_path: Path) -> None:
    with spool_in(tmp_path) as spool:
        spool.append(b"gone")
        files_in(tmp_path)[0].unlink()
        assert spool.take(100) == []
        spool.append(b"here")
        assert drained(spool) == [b"here"]
        assert spool.state.damaged > 0


@contextmanager
def files_at_most(size: int) -> Iterator[None]:
    """As a full disk: a write is cut short at `size`, the next one fails."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_refuses_what_does_not_fit_and_harms_nothing(tmp_path: Path) -> None:
    with spool_in(tmp_path) as spool:
        spool.append(b"a" * 600)
        with files_at_most(1000):
            for _ in range(2):
                with pytest.raises(SpoolFull, match="File too large"):
                    spool.append(b"b" * 600)
            spool.append(b"c" * 200)
        spool.append(b"d" * 600)
        assert drained(spool) == [b"a" * 600, b"c" * 200, b"d" * 600]
        assert spool.state.damaged == 0


def test_what_a_full_disk_cut_short_is_taken_back_at_once(tmp_path: Path) -> None:
    def leave() -> None:
        spool = Spool(tmp_path)
        spool.append(b"a" * 600)
        with files_at_most(1000):
            with contextlib.suppress(SpoolFull):
                spool.append(b"b" * 600)
            spool.append(b"c" * 20)

    in_a_child(leave)
    with spool_in(tmp_path) as spool:
        assert drained(spool) == [b"a" * 600, b"c" * 20]
        assert spool.state.damaged == 0


def test_a_spool_is_full_at_its_limit_and_has_room_again(tmp_path: Path) -> None:
    with spool_in(tmp_path, max_bytes=64 * 1024) as spool, spool_in(tmp_path, max_bytes=64 * 1024) as second:
        kept = 63
        for _ in range(kept):
            spool.append(b"x" * 1000)
        for _ in range(2):
            with pytest.raises(SpoolFull, match="holds its 65536 bytes"):
                spool.append(b"x" * 2000)
        assert sum(file.stat().st_size for file in files_in(tmp_path)) <= 64 * 1024
        with pytest.raises(SpoolFull):
            second.append(b"x" * 2000)
        assert len(drained(spool)) == kept
        spool.append(b"x" * 1000)


def test_a_spool_that_was_full_of_what_others_had_has_their_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOKED_AGAIN", 0.0)
    with spool_in(tmp_path, max_bytes=64 * 1024) as spool, spool_in(tmp_path, max_bytes=64 * 1024) as second:
        for _ in range(63):
            spool.append(b"x" * 1000)
        with pytest.raises(SpoolFull):
            second.append(b"x" * 2000)
        drained(spool)
        second.append(b"x" * 2000)
        assert drained(second) == [b"x" * 2000]


def test_what_the_disk_did_not_take_is_never_said_to_be_safe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two that wait for one attempt neither is told that it came to something; a system tells of it once."""
    failing, go_on = threading.Event(), threading.Event()

    def failed_once(handle: int) -> None:
        monkeypatch.setattr(os, "fdatasync", lambda handle: None)
        failing.set()
        go_on.wait(60)
        raise OSError(errno.EIO, "no disk")

    monkeypatch.setattr(os, "fdatasync", failed_once)
    with spool_in(tmp_path, sync="always") as spool, ThreadPoolExecutor(2) as pool:
        spool.append(b"first")
        spool.append(b"second")
        waiting = [pool.submit(spool.sync)]
        assert failing.wait(60)
        waiting.append(pool.submit(spool.sync))
        go_on.set()
        for one in waiting:
            with pytest.raises(OSError, match="did not take"):
                one.result(60)
        spool.append(b"third")
        spool.sync()
        drained(spool)


def test_a_file_that_ended_unsafe_is_told_of_by_the_next_sync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failed(handle: int) -> None:
        monkeypatch.setattr(os, "fdatasync", lambda handle: None)
        raise OSError(errno.EIO, "no disk")

    with spool_in(tmp_path, max_bytes=64 * 1024) as spool:
        spool.append(b"x" * 10_000)
        monkeypatch.setattr(os, "fdatasync", failed)
        spool.append(b"x" * 10_000)  # in the next file
        with pytest.raises(OSError, match="did not take"):
            spool.sync()
        drained(spool)


def test_no_call_waits_for_the_disk_where_a_file_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fdatasync", lambda handle: synced.append(os.fstat(handle).st_ino))
    with spool_in(tmp_path, max_bytes=64 * 1024) as spool:
        for _ in range(3):
            spool.append(b"x" * 10_000)
        files = sorted(file.stat().st_ino for file in files_in(tmp_path))
        assert (len(files), synced) == (3, [])
        spool.sync()
        assert sorted(synced) == files, "each of them, once"
        drained(spool)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte; only root can make one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m,mode=0700", "tmpfs", str(folder)], capture_output=True
    )
    if made.returncode:
        pytest.skip(f"no file system can be mounted here: {made.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_disk_that_is_really_full_keeps_what_it_has_and_goes_on_with_room(small_disk: Path) -> None:
    others = small_disk / "of_others"
    others.write_bytes(bytes(512 * 1024))
    kept: list[bytes] = []

    def fill(spool: Spool) -> None:
        def keep_on() -> None:
            for _ in range(10_000):
                record = b"%07d" % len(kept) * 100
                spool.append(record)
                kept.append(record)

        with pytest.raises(SpoolFull, match="No space left"):
            keep_on()

    with spool_in(small_disk / "spool") as spool:
        fill(spool)
        before = len(kept)
        with pytest.raises(SpoolFull):
            spool.append(b"again" * 200)
        others.unlink()
        fill(spool)
        assert len(kept) > before
        spool.sync()
    with spool_in(small_disk / "spool") as after:  # of another process, on the disk that is full yet
        assert drained(after) == kept
        assert after.state.damaged == 0
        after.append(b"there is room again")
        assert drained(after) == [b"there is room again"]


def test_a_new_file_is_named_by_folders_that_are_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(os.fstat(handle).st_ino))
    with spool_in(tmp_path, sync="always") as spool:
        for _ in range(2):
            spool.append(b"x")
            spool.sync()
        [file] = files_in(tmp_path)
        assert synced == [file.parent.stat().st_ino, tmp_path.stat().st_ino]
        drained(spool)


@pytest.mark.parametrize("sync", ["always", "second", "never"])
def test_a_spool_is_synced_as_it_was_asked_for(tmp_path: Path, sync: str, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fdatasync", synced.append)
    with spool_in(tmp_path, sync=sync) as spool:
        spool.append(b"x")
        spool.sync()
        spool.sync()
        assert len(synced) == (0 if sync == "never" else 1)
        drained(spool)


# what the folder is, and what is said
UNUSABLE: dict[str, tuple[Callable[[Path], object], str]] = {
    "a file": (lambda path: path.write_text("x"), "cannot be made"),
    "below a file": (lambda path: path.parent.joinpath("spool").symlink_to("/dev/null"), "cannot be made"),
    "writable by anybody": (lambda path: subprocess.run(["mkdir", "-m", "777", path], check=True), "chmod go-w"),
}


@pytest.mark.parametrize(("make", "said"), UNUSABLE.values(), ids=list(UNUSABLE))
def test_a_folder_that_cannot_be_a_spool_is_named_at_the_start(
    tmp_path: Path, make: Callable[[Path], object], said: str
) -> None:
    make(tmp_path / "spool")
    with pytest.raises(SpoolUnusable, match=said):
        Spool(tmp_path / "spool").prepare()


@pytest.mark.parametrize("wrong", [{"sync": "sometimes"}, {"max_bytes": 10}], ids=str)
def test_settings_that_cannot_be(tmp_path: Path, wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="is expected"):
        Spool(tmp_path, **wrong)  # type: ignore[arg-type]
