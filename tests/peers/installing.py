"""Agents of other makers, each in an environment of its own: ACA-Py (Python 3.13), SICPA's library (Python 3.11 or
3.12), Credo-TS, Veramo and Sentry's SDK (Node); exactly as locked.

They are kept in the cache of Tocsin, under names that follow from their lock files. `make peers` makes what is not
there (this module, run); a test makes nothing.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TextIO

from tocsin.streams.up.broker.fetch import cache_dir

HERE = Path(__file__).parent
ACAPY_LOCK, SICPA_LOCK = HERE / "acapy.requirements.txt", HERE / "sicpa.requirements.txt"
CREDO, VERAMO, SENTRY = HERE / "credo", HERE / "veramo", HERE / "sentry"
PATIENCE = 480
"""Seconds for one step of an installation, on however busy a machine."""

NATIVE = ("@2060.io/ref-napi", "@2060.io/ffi-napi")
"""What Credo needs compiled: its way to call the library of Askar."""


class Missing(Exception):
    """An agent that cannot run here; the text says how to get it."""


def acapy(make: bool = False) -> Path:
    """The Python that has ACA-Py, made if it is not there and shall be. Raises Missing."""
    return _folder("acapy", ACAPY_LOCK, _make_acapy if make else None) / "bin" / "python"


def sicpa(make: bool = False) -> Path:
    """The Python that has SICPA's `didcomm`, made if it is not there and shall be. Raises Missing."""
    return _folder("sicpa", SICPA_LOCK, _make_sicpa if make else None) / "bin" / "python"


def credo(make: bool = False) -> Mapping[str, str]:
    """The environment in which node runs `credo/agent.cjs`, made if it is not there and shall be. Raises Missing."""
    askar = find_spec("aries_askar")
    if askar is None or askar.origin is None:
        raise Missing("no aries-askar here, whose library Credo uses: `make install` brings it")
    folder = _folder("credo", CREDO / "package-lock.json", partial(_make_with_npm, CREDO, NATIVE) if make else None)
    return {"NODE_PATH": str(folder / "node_modules"), "LIB_ASKAR_PATH": str(Path(askar.origin).parent)}


def veramo(make: bool = False) -> Path:
    """The agent that node runs, beside its packages, made if it is not there and shall be. Raises Missing."""
    lock = VERAMO / "package-lock.json"
    folder = _folder("veramo", lock, partial(_make_with_npm, VERAMO, ()) if make else None)
    source = (VERAMO / "agent.mjs").read_bytes()
    agent = folder / f"agent-{hashlib.sha256(source).hexdigest()[:12]}.mjs"  # node looks for packages where a module is
    if not agent.exists():
        written = folder / f"{agent.name}.{os.getpid()}"
        written.write_bytes(source)
        written.replace(agent)
    return agent


def sentry_node(make: bool = False) -> Mapping[str, str]:
    """The environment in which node runs programs with `@sentry/node`, made if it is not there and shall be. Raises
    Missing."""
    folder = _folder("sentry", SENTRY / "package-lock.json", partial(_make_with_npm, SENTRY, ()) if make else None)
    return {"NODE_PATH": str(folder / "node_modules")}


def _folder(name: str, lock: Path, make: Callable[[Path, TextIO], None] | None) -> Path:
    """The folder that `make` filled, now or earlier; several processes may ask at once."""
    python = f"{sys.version_info[0]}.{sys.version_info[1]}"
    key = hashlib.sha256(lock.read_bytes() + f"{platform.system()} {platform.machine()} {python}".encode()).hexdigest()
    folder = cache_dir() / "peers" / f"{name}-{key[:12]}"
    whole = folder / "whole"
    if make is None:
        if not whole.exists():
            raise Missing(f"no {name} here: `make peers` installs it")
        return folder
    with _alone(folder.with_suffix(".lock")):
        if not whole.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            with (folder / "installing.log").open("w") as log:
                make(folder, log)
            whole.touch()
    return folder


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _make_acapy(folder: Path, log: TextIO) -> None:
    python = python_of("ACA-Py", (3, 13))
    _run(log, python, "-m", "venv", "--without-pip", folder)
    _run(
        log, sys.executable, "-m", "uv", "pip", "install", "--python", folder / "bin" / "python",
        "--require-hashes", "--only-binary", ":all:", "-r", ACAPY_LOCK,
    )  # fmt: skip


def _make_with_npm(source: Path, native: Sequence[str], folder: Path, log: TextIO) -> None:
    node = shutil.which("node")
    if not node or not shutil.which("npm"):
        raise Missing("no node or npm here: Node 20 or newer runs it (Debian: apt-get install nodejs npm)")
    if native and not (shutil.which("cc") and shutil.which("make")):
        raise Missing("no C compiler or make here (Debian: apt-get install build-essential)")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(source / name, folder)
    # The scripts of packages fetch binaries from elsewhere, or want another package manager: only those that compile
    # are run, against the headers that came with node.
    headers = Path(node).resolve().parent.parent
    settings = {"npm_config_legacy_peer_deps": "true", "npm_config_audit": "false", "npm_config_fund": "false"}
    if (headers / "include" / "node" / "node_api.h").exists():
        settings["npm_config_nodedir"] = str(headers)
    _run(log, "npm", "ci", "--ignore-scripts", cwd=folder, settings=settings)
    if native:
        _run(log, "npm", "rebuild", *native, cwd=folder, settings=settings)


def _make_sicpa(folder: Path, log: TextIO) -> None:
    _run(log, python_of("SICPA's didcomm", (3, 11), (3, 12)), "-m", "venv", "--without-pip", folder)
    _run(
        log, sys.executable, "-m", "uv", "pip", "install", "--python", folder / "bin" / "python",
        "--require-hashes", "-r", SICPA_LOCK,
    )  # fmt: skip


def python_of(needed_by: str, *versions: tuple[int, int]) -> str:
    """A Python of one of these versions. Raises Missing."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or "~/.pyenv").expanduser() / "versions"
    names = [f"{major}.{minor}" for major, minor in versions]
    found = [str(path) for name in names for path in sorted(pyenv.glob(f"{name}.*/bin/python{name}"))]
    question = f"import sys, venv; sys.exit(sys.version_info[:2] not in {versions})"
    for candidate in filter(shutil.which, [sys.executable, *(f"python{name}" for name in names), *found]):
        if subprocess.run([candidate, "-c", question], capture_output=True, timeout=60).returncode == 0:
            return candidate
    which = " or ".join(names)
    raise Missing(f"no Python {which} here, which {needed_by} needs (pyenv install, or uv python install, on the PATH)")


def _run(log: TextIO, *command: str | Path, cwd: Path | None = None, settings: Mapping[str, str] | None = None) -> None:
    words = [*map(str, command)]
    try:
        subprocess.run(
            words, cwd=cwd, env={**os.environ, **(settings or {})}, timeout=PATIENCE, check=True,
            stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        raise Missing(f"`{' '.join(words[:4])} ...` did not work, see {log.name}: {error}") from error


def main() -> None:
    """Makes all of them, at the same time. Exits with 1 and a line for each that cannot be had."""
    agents: dict[str, Callable[[bool], object]] = {
        "ACA-Py": acapy, "SICPA": sicpa, "Credo-TS": credo, "Veramo": veramo, "Sentry's SDK for Node": sentry_node,
    }  # fmt: skip
    with ThreadPoolExecutor() as pool:
        made = {name: pool.submit(agent, True) for name, agent in agents.items()}
    missing = {name: one.exception() for name, one in made.items() if one.exception() is not None}
    for name in agents:
        print(f"{name} cannot be had: {missing[name]}" if name in missing else f"{name} is there")
    sys.exit(bool(missing))


if __name__ == "__main__":
    main()
