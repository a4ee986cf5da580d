"""The real exporters of OpenTelemetry's SDK: what a program logs and raises arrives at a webhook, in its trace.

The program of docs/error-sdks.md runs as printed, with the variables that the page names; at first its connections are
closed unanswered, as by a gateway that ends. One gateway and bus for all of it.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.harness.bus import Bus
from tests.harness.receiver import Receiver, rules_for

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(600)]

PAGE = Path(__file__).parents[2] / "docs" / "error-sdks.md"
PATIENCE = 300


def chapter(language: str = "") -> str:
    """The first block of the page's chapter in this language."""
    text = PAGE.read_text("utf-8").partition("\n## OpenTelemetry\n")[2]
    found = re.search(rf"```{language}\n(.*?)```", text, re.DOTALL)
    assert found is not None
    return found.group(1)


class Ending:
    """Stands before a gateway; the first connections are closed, the others go through."""

    def __init__(self, gateway: str, closed: int) -> None:
        self.port, self.left = int(gateway.rpartition(":")[2]), closed

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.left:
            self.left -= 1
            writer.close()
            return
        answers, asks = await asyncio.open_connection("127.0.0.1", self.port)
        await asyncio.gather(_piped(reader, asks), _piped(answers, writer))


async def _piped(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(65536):
        writer.write(piece)
        await writer.drain()
    writer.close()


async def end_of_program(port: int, folder: Path) -> tuple[int | None, bytes]:
    """How the page's program ends, and all that it said."""
    said = dict(line.split("=", 1) for line in chapter().splitlines())
    said["OTEL_EXPORTER_OTLP_ENDPOINT"] = said["OTEL_EXPORTER_OTLP_ENDPOINT"].replace("HOST:8700", f"127.0.0.1:{port}")
    del said["OTEL_EXPORTER_OTLP_HEADERS"]  # on the bus's own machine
    more = {"OTEL_SERVICE_NAME": "orders", "OTEL_EXPORTER_OTLP_TIMEOUT": f"{PATIENCE}"}
    (folder / "program.py").write_text(chapter("python"))
    program = await asyncio.create_subprocess_exec(
        sys.executable, folder / "program.py", env={**os.environ, **said, **more},
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        output, _ = await asyncio.wait_for(program.communicate(), PATIENCE)
    finally:
        if program.returncode is None:
            program.kill()
    return program.returncode, output


async def test_what_a_program_logs_and_raises_arrives_in_its_trace(bootstrap: str, prefix: str, tmp_path: Path) -> None:
    async with Receiver() as receiver, Bus(bootstrap, prefix, tmp_path) as bus:
        bus.rules(rules_for(receiver.url))
        children = [await bus.start(name) for name in ("gateway", "worker", "dispatch")]
        gateway, *_ = await asyncio.gather(*(child.ready() for child in children))
        ending = Ending(gateway.url, closed=3)
        async with await asyncio.start_server(ending.take, "127.0.0.1", 0) as before:
            code, said = await end_of_program(before.sockets[0].getsockname()[1], tmp_path)
        assert (code, b"ConnectionError: the post is closed" in said, ending.left) == (1, True, 0)
        found = await told(receiver, 2)
    problems = {one["data"]["problem"]["code"]: one["data"]["problem"] for one, _ in found}
    assert {code: (one["text"], one["source"]["service"]) for code, one in problems.items()} == {
        "e.p.me.timeout-error": ("order 17 is late: the printer is slow", "orders"),
        "e.p.me.connection-error": ("the post is closed", "orders"),
    }
    assert problems["e.p.me.timeout-error"]["source"]["record_id"] == "r-17"
    assert problems["e.p.me.connection-error"]["thread_id"] == "t-42"
    assert all("Traceback" in one["extensions"]["stack_trace"] for one in problems.values())
    assert len({parent.split("-")[1] for _, parent in found}) == 2, "each in its own trace"
    assert all(one["data"]["traceparent"] == parent for one, parent in found)


async def told(receiver: Receiver, count: int) -> list[tuple[Any, str]]:
    """The notifications that arrived, with the trace in their headers."""
    while len(receiver.delivered()) < count:  # noqa: ASYNC110 - the test has a limit
        await asyncio.sleep(0.1)
    return [(each[0].document, each[0].headers["traceparent"]) for each in receiver.delivered().values()]
