"""Gets the locked jars into the cache, each verified by SHA-256 before it can be used.

A jar is downloaded by jgo into a scratch directory, hashed, and moved into the cache in one step, so a killed download
leaves nothing half-written, and two processes may fetch at once.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from tocsin.streams.up.broker.errors import BrokerUnavailable, JarMismatch
from tocsin.streams.up.broker.jars import Jar, Lock

CONNECTIONS = 6
TIMEOUT = 30

DownloadProgress = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]


def cache_dir() -> Path:
    """Where downloads are kept: `TOCSIN_CACHE`, else `$XDG_CACHE_HOME/tocsin`, else `~/.cache/tocsin`."""
    if chosen := os.environ.get("TOCSIN_CACHE"):
        return Path(chosen).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "tocsin"


def fetch(lock: Lock, cache: Path, given_up: threading.Event) -> list[Path]:
    """The class path: every jar of `lock` in `cache`, downloaded if missing, verified always.

    Blocks (about 10 s the first time, 0.1 s after). Raises BrokerUnavailable if the Maven repository cannot be
    reached or `given_up` is set during it, JarMismatch if it gave another file than the locked one.
    """
    folder = cache / "jars"
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        present = list(pool.map(lambda jar: jar.is_at(folder / jar.file_name), lock.jars))
        missing = [jar for jar, here in zip(lock.jars, present, strict=True) if not here]
        if missing:
            _download_all(pool, missing, folder, given_up)
    return [folder / jar.file_name for jar in lock.jars]


def _download_all(pool: ThreadPoolExecutor, missing: list[Jar], folder: Path, given_up: threading.Event) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix="fetching-", dir=folder))
    except OSError as error:
        raise BrokerUnavailable(
            STEP, f"cannot write to the cache: {error}", "Set TOCSIN_CACHE to another folder."
        ) from None
    try:
        with DownloadBar(len(missing), sum(jar.size for jar in missing), given_up) as progress:
            tasks = [pool.submit(_download, jar, folder, scratch, progress) for jar in missing]
            try:
                for task in tasks:
                    task.result()
            finally:
                for task in tasks:
                    task.cancel()
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _download(jar: Jar, folder: Path, scratch: Path, progress: DownloadBar) -> None:
    progress.go_on()
    path = _get(jar, scratch, progress.of_file)
    if not jar.is_at(path):
        path.unlink(missing_ok=True)
        raise JarMismatch(
            STEP,
            f"{jar.coordinate} is not the locked file (SHA-256 differs); it was not used",
            "Something between here and the Maven repository changes files.",
        )
    path.replace(folder / jar.file_name)
    progress.done(jar.file_name)


def _get(jar: Jar, scratch: Path, callback: DownloadProgress) -> Path:
    from jgo.maven import MavenContext, PythonResolver

    resolver = PythonResolver(progress_callback=callback)
    context = MavenContext(resolver=resolver, repo_cache=scratch, remote_repos=_repositories(), timeout=TIMEOUT)
    try:
        path = resolver.download(context.create_dependency(jar.coordinate).artifact)
    except (OSError, RuntimeError) as error:
        raise BrokerUnavailable(
            STEP,
            f"{jar.coordinate} could not be downloaded ({_first_line(error)})",
            "The Maven repository must be reachable once; TOCSIN_MAVEN names a mirror.",
        ) from error
    assert path is not None
    return path


def _repositories() -> dict[str, str] | None:
    mirror = os.environ.get("TOCSIN_MAVEN")
    return {"mirror": mirror.rstrip("/")} if mirror else None


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


LINE_EVERY = 10
STEP = "fetching Kafka's jars"


class DownloadBar:
    """A context manager; `of_file` is what jgo calls for each file (from several threads)."""

    def __init__(self, files: int, size: int, given_up: threading.Event) -> None:
        """`files` jars of `size` bytes are about to be downloaded, unless `given_up` gets set."""
        self._files = files
        self._size = size
        self._given_up = given_up
        self._done = 0
        self._lock = threading.Lock()
        self._bar: Progress | None = None
        if sys.stderr.isatty():
            columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self._task = self._bar.add_task(f"Kafka ({files} jars, once)", total=size)

    def __enter__(self) -> Self:
        if self._bar:
            self._bar.start()
        else:
            self._say(f"Downloading Kafka: {self._files} jars, {self._size / 1e6:.0f} MB, once.")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()

    @contextmanager
    def of_file(self, name: str, size: int) -> Iterator[Callable[[int], None]]:
        """Yields what is to be called with the number of bytes that came."""
        yield self._advance

    def done(self, name: str) -> None:
        """One jar is complete and verified."""
        with self._lock:
            self._done += 1
            if not self._bar and (self._done % LINE_EVERY == 0 or self._done == self._files):
                self._say(f"  {self._done}/{self._files} jars verified")

    def go_on(self) -> None:
        """Raises BrokerUnavailable if the download was given up."""
        if self._given_up.is_set():
            raise BrokerUnavailable(STEP, "given up")

    def _advance(self, count: int) -> None:
        self.go_on()
        if self._bar:
            self._bar.advance(self._task, count)

    def _say(self, line: str) -> None:
        print(line, file=sys.stderr, flush=True)
