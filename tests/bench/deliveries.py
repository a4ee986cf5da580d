"""Deliveries a second, and what each costs: the whole bus, one endpoint and twelve; prints one JSON line.

Argument: how many deliveries are measured of each. CPU is the operating system's accounting of each process of `tocsin
up` between the first report and the last delivery. The receiver reads requests and answers 204; its CPU is not counted.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

from tests.harness.receiver import SECRET
from tocsin.connectors.publish import Publisher, problem

TWELVE = 12
WARM_UP = 600
"""Deliveries of each kind that are not counted: a fresh JVM compiles its hot code first."""
WITHIN = 40.0
"""Seconds after which a round is given up."""
COUNTED = ("worker", "dispatch", "kafka", "gateway")
"""The processes by a word of their command line."""


class Counting(asyncio.Protocol):
    """Reads requests one after another, however they are cut, and answers each."""

    arrived = wanted = 0
    last = 0.0
    all_there = asyncio.Event()

    def __init__(self) -> None:
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._data += data
        while (end := self._data.find(b"\r\n\r\n")) >= 0:
            head = self._data[:end].lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0])
            if len(self._data) < end + 4 + length:
                return
            self._data = self._data[end + 4 + length :]
            Counting.arrived += 1
            Counting.last = time.monotonic()
            if Counting.arrived >= Counting.wanted:
                Counting.all_there.set()
            self._transport.write(b"HTTP/1.1 204 No Content\r\n\r\n")


def rules(url: str) -> str:
    """Tenants named one-* are told at one endpoint, all others at twelve."""
    endpoints = "".join(
        f"  e{number}: {{sink: webhook, url: '{url}/{number}', secret: {SECRET}, allow_private: true}}\n"
        for number in range(TWELVE)
    )
    everyone = ", ".join(f"e{number}" for number in range(TWELVE))
    return f"""\
endpoints:
{endpoints}default_route: e0
limits: {{thread_errors: 0, repeat_window: 0s}}
routes:
  - {{name: one, match: {{code: one}}, endpoints: e0}}
  - {{name: twelve, endpoints: [{everyone}]}}
"""


def cpu(parent: int) -> dict[str, float]:
    """CPU seconds that the processes below `parent` have used, by the words of COUNTED."""
    tick, children, used = os.sysconf("SC_CLK_TCK"), dict[int, list[int]](), dict[str, float]()
    seconds: dict[int, float] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            children.setdefault(int(fields[1]), []).append(int(entry.name))
            seconds[int(entry.name)] = (int(fields[11]) + int(fields[12])) / tick
    left = [*children.get(parent, [])]
    while left:
        pid = left.pop()
        left += children.get(pid, [])
        try:
            command = Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
        except OSError:
            continue
        name = next((word for word in COUNTED if word in command), "other")
        used[name] = used.get(name, 0.0) + seconds[pid]
    return used


async def measured(publisher: Publisher, up: int, code: str, reports: int, each: int) -> dict[str, object]:
    """Publish so many reports at once and wait until all of them are delivered."""
    arrived, before, begin = Counting.arrived, cpu(up), time.monotonic()
    wanted = reports * each
    publishing = (
        publisher.publish(problem(code, text=f"{code} {number} {begin}"), tenant=f"tenant-{number % 50}")
        for number in range(reports)
    )
    await asyncio.gather(*publishing)
    Counting.wanted = arrived + wanted
    Counting.all_there.clear()
    with contextlib.suppress(TimeoutError):
        if Counting.arrived < Counting.wanted:
            await asyncio.wait_for(Counting.all_there.wait(), WITHIN)
    done = Counting.arrived - arrived
    after, seconds = cpu(up), Counting.last - begin
    spent = {word: after.get(word, 0.0) - before.get(word, 0.0) for word in (*COUNTED, "other")}
    main = sum(spent[word] for word in ("worker", "dispatch", "kafka"))
    return {
        "deliveries": done,
        "of": wanted,
        "per_s": round(done / seconds),
        "cpu_ms_per_delivery": round(1000 * main / max(1, done), 2),
        "by_process_ms": {word: round(1000 * spent[word] / max(1, done), 2) for word in spent},
    }


async def main(count: int) -> None:
    server = await asyncio.get_running_loop().create_server(Counting, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    with tempfile.TemporaryDirectory() as home:
        file = Path(home) / "rules.yaml"
        file.write_text(rules(url))
        up = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tocsin.streams.cli.main", "up", "--json", "--home", f"{home}/bus", "--port", "0",
            "--rules", str(file), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        try:
            assert up.stdout is not None
            ready = json.loads(await asyncio.wait_for(up.stdout.readline(), 120))
            told: dict[str, object] = {}
            async with Publisher(ready["bootstrap"]) as publisher:
                await publisher.check()
                for name, each in (("one", 1), ("twelve", TWELVE)):
                    await measured(publisher, up.pid, name, WARM_UP // each, each)
                    told[f"{name}_endpoint{'s' if each > 1 else ''}"] = await measured(
                        publisher, up.pid, name, count // each, each
                    )
        finally:
            up.send_signal(signal.SIGTERM)
            await up.wait()
            server.close()
    sys.stdout.write(json.dumps(told) + "\n")


asyncio.run(main(int(sys.argv[1])))
