"""Gets the locked jars into the cache, each verified by SHA-256 before it can be used.

A jar is downloaded by jgo into a scratch directory, hashed, and moved into the cache in one step, so a killed download
leaves nothing half-written, and two processes may fetch at once.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path

from tocsin.streams.up.broker.download_bar import STEP, DownloadBar
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
    reached or `given_up` is set meanwhile, JarMismatch if it gave another file than the locked one.
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
