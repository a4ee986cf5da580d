"""Kafka's jars: exactly the locked ones, or none."""

from __future__ import annotations

import gc
import hashlib
import threading
import tomllib
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tocsin.streams.up.broker.config import is_free
from tocsin.streams.up.broker.errors import BrokerUnavailable, JarMismatch
from tocsin.streams.up.broker.fetch import cache_dir, fetch
from tocsin.streams.up.broker.jars import BESIDE, ROOT, Jar, Lock, parse_lock, read_lock, write_lock

# jgo leaves the connection of a refused download to the garbage collector, which then says so
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")

BODIES = {"one": b"first jar", "two": b"second jar" * 5000}
JARS = tuple(Jar(f"org.x:{name}:1.0", hashlib.sha256(body).hexdigest(), len(body)) for name, body in BODIES.items())
LOCK = Lock(("org.x:one:1.0",), JARS)


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A Maven repository on this machine; the folder that it serves."""
    root = tmp_path / "repository"
    for name, body in BODIES.items():
        folder = root / "org" / "x" / name / "1.0"
        folder.mkdir(parents=True)
        (folder / f"{name}-1.0.jar").write_bytes(body)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(root))) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        monkeypatch.setenv("TOCSIN_MAVEN", f"http://127.0.0.1:{server.server_port}")
        yield root
        server.shutdown()
        thread.join()
    gc.collect()


def _fetch(cache: Path) -> list[Path]:
    return fetch(LOCK, cache, threading.Event())


def test_jars_are_fetched_once_and_said_so(
    repository: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = _fetch(tmp_path / "cache")
    assert [path.read_bytes() for path in paths] == list(BODIES.values())
    assert "2 jars" in capsys.readouterr().err
    monkeypatch.setenv("TOCSIN_MAVEN", "http://127.0.0.1:9")
    assert _fetch(tmp_path / "cache") == paths
    assert capsys.readouterr().err == ""
    assert sorted(path.name for path in (tmp_path / "cache" / "jars").iterdir()) == ["one-1.0.jar", "two-1.0.jar"]


def test_a_jar_changed_in_the_cache_is_fetched_again(repository: Path, tmp_path: Path) -> None:
    one, _ = _fetch(tmp_path)
    one.write_bytes(b"wrong jar")
    assert _fetch(tmp_path)[0].read_bytes() == BODIES["one"]


def test_a_jar_changed_on_the_way_is_refused(repository: Path, tmp_path: Path) -> None:
    (repository / "org/x/one/1.0/one-1.0.jar").write_bytes(b"FIRST jar")
    with pytest.raises(JarMismatch, match=r"org\.x:one:1\.0 is not the locked file"):
        _fetch(tmp_path)
    assert not (tmp_path / "jars" / "one-1.0.jar").exists()


@pytest.mark.parametrize("step", ["nothing listens", "not there"])
def test_what_cannot_be_had_is_told_with_a_way_out(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    if step == "nothing listens":
        monkeypatch.setenv("TOCSIN_MAVEN", "http://127.0.0.1:9")
    else:
        (repository / "org/x/two/1.0/two-1.0.jar").unlink()
    with pytest.raises(BrokerUnavailable, match=r"fetching Kafka's jars: org\.x:.*TOCSIN_BOOTSTRAP") as failed:
        _fetch(tmp_path)
    assert failed.value.exit_code == 69
    assert not list((tmp_path / "jars").glob("fetching-*"))


def test_a_cache_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BrokerUnavailable, match="TOCSIN_CACHE"):
        _fetch(tmp_path / "file")


def test_a_download_that_is_given_up_ends(repository: Path, tmp_path: Path) -> None:
    given_up = threading.Event()
    given_up.set()
    with pytest.raises(BrokerUnavailable, match="given up"):
        fetch(LOCK, tmp_path, given_up)


def test_the_cache_is_outside_the_repository(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("TOCSIN_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_dir() == tmp_path / "tocsin"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_dir() == Path.home() / ".cache" / "tocsin"
    monkeypatch.setenv("TOCSIN_CACHE", str(tmp_path / "mine"))
    assert cache_dir() == tmp_path / "mine"


def test_the_shipped_lock_is_of_what_is_asked_for() -> None:
    lock = read_lock()
    coordinates = [jar.coordinate for jar in lock.jars]
    assert lock.roots == (ROOT, BESIDE)
    assert {ROOT, BESIDE} <= set(coordinates)
    assert len({jar.file_name for jar in lock.jars}) == len(lock.jars)
    assert all(len(jar.sha256) == 64 and jar.size > 1000 for jar in lock.jars)
    versions = {name.split(":")[2] for name in coordinates if name.startswith("org.apache.kafka:")}
    assert versions == {ROOT.split(":")[2]}, "one Kafka, not a mixture"


def test_the_lock_file_reads_back_as_it_was_written() -> None:
    assert parse_lock(tomllib.loads(write_lock(LOCK))) == LOCK


def test_port_9_is_closed_here() -> None:
    assert is_free(9), "the tests above need a port where nothing listens"
