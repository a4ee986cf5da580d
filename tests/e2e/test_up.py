"""`tocsin up`: one line when ready, mends itself, drains when asked, leaves nothing behind even when killed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]


@contextmanager
def up(home: Path) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """A running `tocsin up --json` on free ports, and its line; killed at the end, if it still runs."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TOCSIN_")}
    command = [sys.executable, "-m", "tocsin.streams.cli.main", "up", "--json", "--port", "0", "--home", str(home)]
    with (home.parent / "up.err").open("w") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, env=clean)
    try:
        assert process.stdout
        line = process.stdout.readline()
        assert line, (home.parent / "up.err").read_text()
        yield process, json.loads(line)
    finally:
        process.kill()
        process.wait()
        assert process.stdout
        process.stdout.close()


def children(pid: int) -> dict[int, str]:
    """Pid -> command line of every child of a process."""
    found = {}
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdecimal() and (folder / "stat").read_text().rpartition(")")[2].split()[1] == str(pid):
                found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
    return found


def runs(pid: int) -> bool:
    """Whether it still does anything: a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False


def ended_within(pids: list[int], seconds: float) -> bool:
    """Whether all of them end in time."""
    deadline = time.monotonic() + seconds
    while any(map(runs, pids)):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


async def ask(line: dict[str, Any]) -> None:
    """Every address of the line answers, and a problem is accepted."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=15)) as session:
        for url in line["metrics"]:
            async with session.get(url) as answer:
                assert answer.status == 200
                assert "tocsin_" in await answer.text()
        async with session.post(f"{line['api']}/v1/problems", json={"code": "e.p.xfer.x"}) as answer:
            assert answer.status == 202


async def ready_again(url: str, within: float) -> None:
    """The process at this address is ready, or will be in time."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session, asyncio.timeout(within):
        while True:
            try:
                async with session.get(url) as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.2)


def test_it_runs_mends_itself_and_drains(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with up(home) as (process, line):
        assert line["ready"] is True
        assert set(line) == {"ready", "api", "bootstrap", "metrics"}
        assert (home / "up.pid").read_text() == f"{process.pid}\n"
        asyncio.run(ask(line))
        readable = [one for one in home.rglob("*") if one.stat().st_mode & 0o077]
        assert not readable, "all that it writes is for its user alone"
        again = subprocess.run(
            [sys.executable, "-m", "tocsin.streams.cli.main", "up", "--home", str(home)], capture_output=True, text=True
        )
        assert (again.returncode, f"(process {process.pid})" in again.stderr) == (78, True)
        [worker] = [pid for pid, command in children(process.pid).items() if " worker " in command]
        os.kill(worker, signal.SIGKILL)
        assert ended_within([worker], 60)
        asyncio.run(ready_again(line["metrics"][1].replace("/metrics", "/readyz"), 60))
        asyncio.run(ask(line))
        left = list(children(process.pid))
        assert len(left) == 5
        process.send_signal(signal.SIGTERM)
        assert process.wait(90) == 0
        assert process.stdout
        assert process.stdout.read() == "", "one line, and nothing else"
        assert ended_within(left, 60)
    assert (home / "up.pid").read_text() == ""
    assert "worker ended (signal 9)" in (tmp_path / "up.err").read_text()


def test_nothing_outlives_it_when_it_is_killed(tmp_path: Path) -> None:
    with up(tmp_path / "home") as (process, _):
        left = list(children(process.pid))
        assert len(left) == 5
        process.kill()
        process.wait()
        assert ended_within(left, 60)


def test_a_wrong_rules_file_ends_it_with_the_reason(tmp_path: Path, bootstrap: str, prefix: str) -> None:
    (tmp_path / "rules.yaml").write_text("endpoints:\n  desk: {sink: memory}\ndefault_route: nobody\n")
    ended = subprocess.run(
        [sys.executable, "-m", "tocsin.streams.cli.main", "up", "--rules", str(tmp_path / "rules.yaml"), "--port", "0"],
        capture_output=True,
        text=True,
        timeout=90,
        env=os.environ | {"TOCSIN_BOOTSTRAP": bootstrap, "TOCSIN_PREFIX": prefix, "TOCSIN_HOME": str(tmp_path / "h")},
    )
    assert ended.returncode == 78
    assert "rules.yaml:3: " in ended.stderr
    assert "Traceback" not in ended.stderr
