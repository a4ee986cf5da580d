"""docs/publish-anywhere.md: its commands and programs run as printed, against a real gateway; its figures are those of
the files."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from pathlib import Path

import pytest

from tests.connectors.gateway.conftest import Gateway, gateway
from tests.connectors.gateway.test_services import holds
from tests.connectors.publishers.steered import FILES, MODULE, PATIENCE, run
from tests.harness.extras import needs_language
from tocsin.connectors.dialects.context import FIELDS
from tocsin.schemas.events import ActivityObserved

assert gateway  # the fixture

pytestmark = pytest.mark.timeout(600)

PAGE = (FILES.parent / "publish-anywhere.md").read_text("utf-8")
COMMANDS = re.findall(r"```sh\n(.*?)```\n(?:\n```json\n(.*?)```)?", PAGE, re.DOTALL)
PROGRAM, SIGNAL, EXPRESS, CREDO = re.findall(r"```js\n(.*?)```", PAGE, re.DOTALL)
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

AN_APP = """
const layers = [];
const app = { use: (layer) => layers.push(layer) };
%s
const [before, after] = layers;
const handed = [];
for (const status of [500, 404]) {
  before({ headers: { traceparent: "%s", "x-request-id": `q-${status}` } }, {}, () => {
    after(Object.assign(new Error(`failed with ${status}`), { status }), {}, {}, (error) => handed.push(error.message));
  });
}
if (handed.join() !== "failed with 500,failed with 404") throw new Error(`handed on: ${handed}`);
process.kill(process.pid, "SIGTERM"); // while it has something to send
setInterval(() => {}, 1000);
"""


async def ended(words: list[str], folder: Path) -> tuple[int, str]:
    """The exit code and the log of a program. The gateway runs meanwhile in this loop."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*words, cwd=folder, stderr=pipe)
    async with asyncio.timeout(PATIENCE):
        _, said = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode()


@pytest.mark.parametrize(("command", "shown"), COMMANDS, ids=["problem", "activity", "a script", "a batch"])
async def test_a_command(gateway: Gateway, command: str, shown: str) -> None:
    address = f"127.0.0.1:{gateway.port}"
    process = await asyncio.create_subprocess_shell(
        command.replace("localhost:8700", address), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    output, said = await process.communicate()
    answer = json.loads(output)
    assert (process.returncode, said, len(gateway.publisher.events)) == (0, b"", answer.get("accepted", 1))
    assert holds(answer, json.loads(shown or "{}")), answer
    if problems := gateway.reported:
        assert problems[0].idempotency_key


async def test_node(gateway: Gateway, tmp_path: Path) -> None:
    node = needs_language("node")
    shutil.copy(FILES / "tocsin.mjs", tmp_path)
    local = f"http://127.0.0.1:{gateway.port}"
    program = tmp_path / "program.mjs"
    program.write_text(PROGRAM.replace("http://localhost:8700", local))
    assert await ended([node, str(program)], tmp_path) == (0, "")
    assert {event.problem.code for event in gateway.reported} == {"e.p.me.syntax-error", "https://errors.example/torn"}
    assert len(gateway.publisher.events) == 5

    gateway.publisher.events.clear()
    first = f'import {{ Tocsin }} from "./tocsin.mjs";\nconst tocsin = new Tocsin({{ url: "{local}" }});\n'
    program.write_text(first + SIGNAL + AN_APP % (EXPRESS, TRACE))
    assert await ended([node, str(program)], tmp_path) == (143, "")
    [event] = gateway.reported
    assert (event.problem.text, event.problem.request_id, event.traceparent) == ("failed with 500", "q-500", TRACE)


def test_credo_is_watched_as_the_file_itself_says() -> None:
    assert "\n".join(CREDO.split("\n")[3:]).strip().split(" //")[0] in (FILES / "credo.mjs").read_text()


async def test_go(gateway: Gateway, tmp_path: Path) -> None:
    go = needs_language("go")
    (tmp_path / "tocsin").mkdir()
    shutil.copy(FILES / "tocsin.go", tmp_path / "tocsin")
    (tmp_path / "go.mod").write_text(MODULE)
    [program] = re.findall(r"```go\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "main.go").write_text(program.replace("localhost:8700", f"127.0.0.1:{gateway.port}"))
    assert await asyncio.to_thread(run, ["gofmt", "-l", "."], tmp_path) == ""
    await asyncio.to_thread(run, [go, "build", "-o", "program", "."], tmp_path)
    assert await ended([str(tmp_path / "program")], tmp_path) == (0, "")
    problems = {event.problem.code: event.problem for event in gateway.reported}
    assert problems.keys() == {"e.p.me.path-error", "https://errors.example/torn"}
    assert problems["e.p.me.path-error"].source.record_id == "r-17"
    told = [event.kind for event in gateway.publisher.events if isinstance(event, ActivityObserved)]
    assert sorted(told) == ["job_finished", "job_started", "record_changed"]


def test_the_figures() -> None:
    script, go = (FILES / "tocsin.mjs").read_text(), (FILES / "tocsin.go").read_text()
    assert "maxEvents: 1000, maxBytes: 8 * 1024 * 1024, connections: 4" in script
    assert "timeout: 15_000, exitWithin: 5000, firstPause: 500, longestPause: 30_000" in script
    assert "or(s.MaxEvents, 1000), or(s.MaxBytes, 8<<20), or(s.Connections, 4)" in go
    assert "or(s.FirstPause, 500*time.Millisecond), or(s.LongestPause, 30*time.Second)" in go
    for words in (
        "1,000 events and 8 MiB",
        "requests at a time, of 15 s each",
        "0.5 s to 30 s",
        "is sent five times",
    ):
        assert words in PAGE
    told = PAGE[PAGE.index("What a problem is about") :].split("\n\n", 1)[0]
    types = (FILES / "tocsin.d.ts").read_text()
    named = {name for name in FIELDS if f"`{name}`" in told}
    assert named == {name for name in FIELDS if f"  {name}?:" in types} == set(FIELDS) - {"recipients"}
