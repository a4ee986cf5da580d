"""The release before this one, as it was: a commit of this repository's history, installed into a folder of its own."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.harness.bus import COMMAND, Bus, Child

EARLIER = "92d5107649ebc32d88b45fe3ef758ec9819ed570"
"""Its commit: the last one without projector, store, API keys and DIDComm, with rows of format 5."""

ROOT = Path(__file__).parents[2]
PACKAGED = ("pyproject.toml", "README.md", "LICENSE", "schemas", "connectors", "streams")
"""What its wheel is made of."""


class EarlierBus(Bus):
    """A bus that makes no topics by itself: the release before makes its own."""

    async def __aenter__(self) -> EarlierBus:
        return self


@dataclass(frozen=True)
class Earlier:
    """The release before, in the folder `site`. Its libraries are those of this release: a process takes its own
    modules of `tocsin`, and none of ours, since `site` is looked at first."""

    site: Path

    async def start(self, bus: Bus, name: str) -> Child:
        """As `Bus.start`."""
        log = bus.folder / f"earlier-{name}-{len(bus.children)}.log"
        with log.open("wb") as output:
            process = await self._process(bus, (name, "--json"), output.fileno())
        child = Child(f"the earlier {name}", process, log)
        bus.children.append(child)
        return child

    async def run(self, bus: Bus, *arguments: str) -> tuple[int, str]:
        """As `Bus.run`."""
        process = await self._process(bus, arguments, asyncio.subprocess.STDOUT)
        said, _ = await asyncio.wait_for(process.communicate(), 120)
        return process.returncode or 0, said.decode()

    async def _process(self, bus: Bus, arguments: tuple[str, ...], stderr: int) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-c", COMMAND, *arguments, cwd=bus.folder, stdin=asyncio.subprocess.DEVNULL,
            env=os.environ | bus.settings() | {"PYTHONPATH": str(self.site)}, stdout=asyncio.subprocess.PIPE,
            stderr=stderr,
        )  # fmt: skip


def install_earlier(folder: Path) -> Earlier:
    """Take it from the history and install it; the test is skipped where the history does not have it."""
    if _git("cat-file", "-e", f"{EARLIER}^{{commit}}").returncode:
        pytest.skip(f"the history does not have the release before ({EARLIER[:7]}): git fetch --unshallow brings it")
    source, site = folder / "source", folder / "site"
    source.mkdir()
    archive = _git("archive", EARLIER, *PACKAGED)
    subprocess.run(["tar", "-x", "-C", source], input=archive.stdout, check=True)
    install = [sys.executable, "-m", "uv", "pip", "install", "-q", "--python", sys.executable, "--offline"]
    install += ["--no-deps", "--no-build-isolation", "--target", str(site), str(source)]
    subprocess.run(install, check=True)
    return Earlier(site)


def _git(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, check=False)
