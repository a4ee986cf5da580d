"""Every command, by command line and HTTP, with every id that somebody may have: what is said is so.

One bus for the whole table; each row has a case of its own, so that none disturbs another. Then the worker is stopped,
and at last Kafka.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.harness.bus import Bus, Child
from tests.harness.receiver import SECRET, Receiver
from tests.harness.wiring import events_on
from tocsin.schemas.events import (
    EscalationAcknowledged,
    EscalationSnoozed,
    Event,
    ProblemOpened,
    ProblemResolved,
    TimeoutNoticed,
)
from tocsin.streams.up.broker import EmbeddedBroker

RULES = """\
endpoints:
  owner: {sink: webhook, url: URL, secret: SECRET, allow_private: true}
  gone: {sink: webhook, url: GONE, secret: SECRET, allow_private: true}
  one: {sink: memory}
  two: {sink: memory}
  three: {sink: memory}
default_route: owner
limits: {thread_errors: 0, repeat_window: 0s}
routes:
  - {name: gone, match: {code: [e.p.gone]}, endpoints: [gone]}
timeouts:
  - {messages: https://didcomm.org/trust-ping/2.0/ping, floor: 1h, unlearned: 1h}
"""
PING = "https://didcomm.org/trust-ping/2.0/ping"
VERBS = ("acknowledge", "resolve", "snooze")
OTHERS = ("another tenant's", "nonsense")
CASE_IDS = ("report", "case", "instance", "tail", "delivery", *OTHERS, "twice")
CHOICE_IDS = ("message", "thread", *OTHERS, "twice")
SO = {
    "acknowledge": EscalationAcknowledged, "resolve": ProblemResolved, "snooze": EscalationSnoozed,
    "choose": TimeoutNoticed,
}  # fmt: skip
"""What stands on the bus when a command was carried out."""


@dataclass
class Row:
    """One command as somebody gives it, and what came of it: `code` is an exit code or a status."""

    by: str
    verb: str
    ident: str
    number: int
    report: str = ""
    case: str = ""
    opened: str = ""
    delivery: str = ""
    code: int = -1
    said: str = ""
    so: list[str] = field(default_factory=list)

    @property
    def target(self) -> str:
        """The id that is given."""
        ids = {
            "case": self.case, "instance": f"urn:uuid:{self.report}", "tail": self.opened, "delivery": self.delivery,
            "nonsense": f"nonsense-{self.number}", "thread": f"t-{self.number}", "message": f"m-{self.number}",
        }  # fmt: skip
        return ids.get(self.ident) or (f"m-{self.number}" if self.verb == "choose" else self.report)

    @property
    def tenant(self) -> str:
        return "globex" if self.ident == "another tenant's" else "acme"

    def line(self) -> str:
        """One line of the printed table."""
        return (
            f"| {self.by} {self.verb} | {self.ident} | {self.code} | {self.said[:150]} | {', '.join(self.so) or '-'} |"
        )


ROWS = [
    Row(by, verb, ident, 0)
    for by in ("tocsin", "HTTP")
    for verb in (*VERBS, "choose")
    for ident in (CHOICE_IDS if verb == "choose" else CASE_IDS)
]


def expected(row: Row) -> tuple[int, str, bool]:
    """The code, what is said, and whether it is so."""
    command_line = row.by == "tocsin"
    if row.ident in OTHERS:
        foreign = command_line and row.ident != "nonsense" and row.verb != "choose"
        says = (
            "is of tenant acme and not of globex: nothing is done" if foreign else "knows no such id; nothing is done"
        )
        return (1 if command_line else 404), says, False
    if row.ident == "twice" and row.verb != "snooze":
        says = "nothing to do" if command_line else '"already_so"'
        return (0 if command_line else 200), says, True
    return (0 if command_line else 200), ("done" if command_line else '"done"'), True


class People:
    """Those who command: over HTTP, and by the command line, in a process of its own."""

    def __init__(self, bus: Bus, http: aiohttp.ClientSession, process: asyncio.subprocess.Process) -> None:
        self.bus, self.http, self._process = bus, http, process
        self._turn = asyncio.Lock()

    @classmethod
    @asynccontextmanager
    async def of(cls, bus: Bus, url: str) -> AsyncIterator[People]:
        """Ends the command line when the block ends."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.harness.command_loop", cwd=Path(__file__).parents[2],
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            async with aiohttp.ClientSession(url) as http:
                yield cls(bus, http, process)
        finally:
            process.kill()
            await process.wait()

    async def tocsin(self, *arguments: str, tenant: str = "acme") -> tuple[int, str]:
        """The exit code, and what was said on stdout and stderr."""
        settings = {
            "TOCSIN_BOOTSTRAP": self.bus.bootstrap, "TOCSIN_PREFIX": self.bus.prefix, "TOCSIN_TENANT": tenant,
            "TOCSIN_HOME": str(self.bus.folder / "home"), "COLUMNS": "200", **self.bus.environment,
        }  # fmt: skip
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        async with self._turn:
            self._process.stdin.write(json.dumps([arguments, settings]).encode() + b"\n")
            code, said = json.loads(await self._process.stdout.readline())
        assert "Traceback" not in said, said
        return code, " ".join(said.split())

    async def request(self, method: str, path: str, document: object = None, tenant: str = "acme") -> tuple[int, str]:
        """The status and the body."""
        headers = {"tocsin-by": "ann", "tocsin-tenant": tenant}
        async with self.http.request(method, path, json=document, headers=headers) as answer:
            return answer.status, await answer.text()

    async def give(self, row: Row, wait: str = "20s") -> tuple[int, str]:
        """Give the command of a row once."""
        span = ["--for", "2h"] if row.verb == "snooze" else []
        choice = ["give_up"] if row.verb == "choose" else []
        if row.by == "tocsin":
            given = [row.verb, row.target, *choice, "--by", "ann", *span, "--wait", wait]
            return await self.tocsin(*given, tenant=row.tenant)
        document = ({"for": "2h"} if span else {}) | ({"choice": "give_up"} if choice else {})
        return await self.request("POST", f"/v1/problems/{row.target}/{row.verb}?wait={wait}", document, row.tenant)

    async def play(self, row: Row) -> None:
        """Give it as often as the row says; the last time counts."""
        if row.ident == "twice":
            await self.give(row)
        row.code, row.said = await self.give(row)
        print(row.line(), flush=True)


@pytest.mark.timeout(900)
async def test_every_command(own_broker: EmbeddedBroker, prefix: str, tmp_path: Path) -> None:
    async with (
        Receiver() as receiver,
        Receiver(behave=lambda before, delivery: 410) as gone,
        Bus(own_broker.bootstrap, prefix, tmp_path) as bus,
    ):
        bus.rules(RULES.replace("URL", receiver.url).replace("GONE", gone.url).replace("SECRET", SECRET))
        children = [await bus.start(name) for name in ("worker", "dispatch", "gateway")]
        await asyncio.gather(*(child.ready() for child in children))
        async with People.of(bus, children[2].url) as people:
            await cases_for(ROWS, people, receiver)
            await asyncio.gather(*(people.play(row) for row in ROWS))
            await look(ROWS, bus)
            others = [one async for one in cases_and_one_that_is_gone(people, receiver, children[0])]
            others += [one async for one in endpoints_and_silences(people)]
            await bus.stop(children[0])
            others += [one async for one in without_a_worker(people)]
            await own_broker.stop()
            others += [one async for one in without_kafka(people)]
    print("\n| command | id | code | said | so |\n| --- | --- | --- | --- | --- |")
    print("\n".join([row.line() for row in ROWS] + [line for line, _ in others]))
    wrong = [row.line() for row in ROWS if not holds(row)] + [line for line, right in others if not right]
    assert wrong == []


def holds(row: Row) -> bool:
    code, says, so = expected(row)
    return row.code == code and says in row.said and bool(row.so) == so


async def cases_for(rows: Sequence[Row], people: People, receiver: Receiver) -> None:
    """A case, or a message that waits for its reply, for each row; and every id of it."""
    for number, row in enumerate(rows):
        row.number = number
        if row.verb == "choose":
            sent = {"kind": "message_sent", "message_id": f"m-{number}", "thread_id": f"t-{number}"}
            status, said = await people.request("POST", "/v1/activity", sent | {"message_type": PING})
            assert status == 202, said
            continue
        status, said = await people.request(
            "POST", "/v1/problems", {"code": f"e.p.c{number}", "thread_id": str(number)}
        )
        assert status == 202, said
        row.report = json.loads(said)["event_id"]
    with_case = {row.report: row for row in rows if row.report}
    async with asyncio.timeout(120):
        while len(receiver.delivered()) < len(with_case):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    for arrival in receiver.arrivals:
        told = arrival.document["data"]
        row = with_case[told["event_id"]]
        row.case, row.delivery = told["case"], arrival.delivery_id
    for event in await events_on(people.bus.bootstrap, people.bus.prefix):
        if isinstance(event, ProblemOpened):
            with_case[event.report].opened = event.event_id


async def look(rows: Sequence[Row], bus: Bus) -> None:
    """What is so, by what the bus wrote."""
    events: list[Event] = []
    for topic in ("problems", "escalations"):
        events += await events_on(bus.bootstrap, bus.prefix, topic)
    for row in rows:
        for event in events:
            about = row.case == getattr(event, "case", None) if row.case else event_thread(event) == f"t-{row.number}"
            if isinstance(event, SO[row.verb]) and about:
                row.so.append(type(event).__name__)


def event_thread(event: Event) -> str | None:
    return getattr(event, "thread_id", None)


async def told(what: str, given: Any, code: int, says: str) -> tuple[str, bool]:
    found, said = await given
    line = f"| {what} | | {found} | {said[:150]} | |"
    print(line, flush=True)
    return line, found == code and says in said


async def cases_and_one_that_is_gone(
    people: People, receiver: Receiver, worker: Child
) -> AsyncIterator[tuple[str, bool]]:
    """The lists; and that an endpoint that was switched off by itself is told by letter, list, log and gauge."""
    taken = next(row for row in ROWS if (row.by, row.verb, row.ident) == ("tocsin", "acknowledge", "case"))
    yield await told("tocsin cases", people.tocsin("cases"), 0, f"{taken.case} acknowledged by ann")
    nothing = "no open cases of tenant globex"
    yield await told("tocsin cases (another tenant)", people.tocsin("cases", "--tenant", "globex"), 0, nothing)
    yield await told("tocsin cases --closed", people.tocsin("cases", "--closed"), 0, "resolved by ann")
    status, said = await people.request("POST", "/v1/problems", {"code": "e.p.gone"})
    assert status == 202, said
    async with asyncio.timeout(60):
        while not (letters := told_by_the_bus(receiver)):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    assert letters[0]["data"]["problem"]["code"] == "e.m.me.res.endpoint-disabled"
    assert "`tocsin endpoint enable gone` gets it back" in letters[0]["data"]["problem"]["text"]
    yield await told("tocsin endpoint list", people.tocsin("endpoint", "list"), 0, "gone disabled since")
    assert len([line for line in worker.log.read_text().splitlines() if '"endpoint off"' in line]) == 1
    async with people.http.get(f"{worker.url}/metrics") as answer:
        assert 'tocsin_endpoint_state{endpoint="gone",state="disabled"} 1.0' in await answer.text()
    yield await told(
        "tocsin endpoint enable gone", people.tocsin("endpoint", "enable", "gone", "--by", "ann"), 0, "done"
    )


def told_by_the_bus(receiver: Receiver) -> list[dict[str, Any]]:
    """The letters about the bus itself."""
    bodies: list[dict[str, Any]] = [arrival.document for arrival in receiver.arrivals]
    return [body for body in bodies if body["data"].get("tenant") == "tocsin"]


async def endpoints_and_silences(people: People) -> AsyncIterator[tuple[str, bool]]:
    for verb, name, code, says in (
        ("disable", "one", 0, "done"),
        ("disable", "one", 0, "nothing to do: it is disabled already"),
        ("enable", "one", 0, "done"),
        ("enable", "one", 0, "nothing to do: it is enabled already"),
        ("remove", "two", 0, "done"),
        ("remove", "two", 0, "nothing to do: it is removed already"),
        ("disable", "nonsense", 1, "there is no endpoint nonsense"),
    ):
        yield await told(
            f"tocsin endpoint {verb} {name}", people.tocsin("endpoint", verb, name, "--by", "ann"), code, says
        )
    _, made = await people.tocsin("silence", "add", "code=e.p.x", "--for", "1h", "--by", "ann")
    ident = made.split()[0]
    for what, name, tenant, code, says in (
        ("another tenant's", ident, "globex", 1, "is of tenant acme"),
        ("the right id", ident, "acme", 0, "removed"),
        ("twice", ident, "acme", 1, "has no silence"),
        ("nonsense", "nonsense", "acme", 1, "has no silence"),
    ):
        given = people.tocsin("silence", "remove", name, "--by", "ann", tenant=tenant)
        yield await told(f"tocsin silence remove ({what})", given, code, says)
    matchers = [{"field": "code", "operator": "equal", "value": "e.p.x"}]
    _, said = await people.request("POST", "/v1/silences", {"matchers": matchers, "for": "1h"})
    ident = json.loads(said)["silence"]
    for what, tenant, path, code, says in (
        ("another tenant's", "globex", ident, 404, "not-found"),
        ("the right id", "acme", ident, 202, ident),
        ("twice", "acme", ident, 404, "not-found"),
        ("nonsense", "acme", "nonsense", 404, "not-found"),
    ):
        given = people.request("DELETE", f"/v1/silences/{path}", tenant=tenant)
        yield await told(f"HTTP DELETE /v1/silences ({what})", given, code, says)
    _, said = await people.request("POST", "/v1/problems/nonsense/resolve")
    command = json.loads(said)["event_id"]
    async with asyncio.timeout(60):
        while "pending" in (await people.request("GET", f"/v1/commands/{command}"))[1]:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    for what, tenant, path, code, says in (
        ("the right id", "acme", command, 200, '"kept"'),
        ("another tenant's", "globex", command, 404, "unknown-command"),
        ("nonsense", "acme", "nonsense", 404, "unknown-command"),
    ):
        yield await told(
            f"HTTP GET /v1/commands ({what})", people.request("GET", f"/v1/commands/{path}", tenant=tenant), code, says
        )
    yield await told("HTTP resolve ?wait=1y", people.request("POST", "/v1/problems/x/resolve?wait=1y"), 400, "bad-wait")


async def without_a_worker(people: People) -> AsyncIterator[tuple[str, bool]]:
    said = people.tocsin("resolve", "r", "--by", "ann", "--wait", "1s")
    yield await told("tocsin resolve (no worker)", said, 70, "no answer came within 1 s: it may be carried out yet")
    said = people.tocsin("endpoint", "enable", "one", "--by", "ann", "--wait", "1s")
    yield await told("tocsin endpoint enable (no worker)", said, 70, "no answer came within 1 s")
    said = people.tocsin("resolve", "r", "--by", "ann", "--wait", "0s")
    yield await told("tocsin resolve --wait 0s (no worker)", said, 0, "-")
    status, waited = await people.request("POST", "/v1/problems/r/resolve?wait=1s")
    yield await told("HTTP resolve ?wait=1s (no worker)", _the(status, waited), 504, "no-answer")
    command = json.loads(waited)["event_id"]
    asked = people.request("GET", f"/v1/commands/{command}")
    yield await told("HTTP GET /v1/commands (no worker)", asked, 200, '"pending"')


async def _the(code: int, said: str) -> tuple[int, str]:
    return code, said


async def without_kafka(people: People) -> AsyncIterator[tuple[str, bool]]:
    for given in (
        ["acknowledge", "r"], ["resolve", "r"], ["snooze", "r", "--for", "2h"], ["choose", "m", "wait"],
        ["endpoint", "enable", "one"], ["silence", "add", "code=e.p.x", "--for", "1h"], ["silence", "remove", "x"],
    ):  # fmt: skip
        said = people.tocsin(*given, "--by", "ann")
        yield await told(f"tocsin {' '.join(given[:2])} (Kafka away)", said, 69, "does not answer")
    for given in (["cases"], ["endpoint", "list"], ["silence", "list"]):
        yield await told(f"tocsin {' '.join(given)} (Kafka away)", people.tocsin(*given), 69, "does not answer")
    for verb in VERBS:
        document = {"for": "2h"} if verb == "snooze" else {}
        said = people.request("POST", f"/v1/problems/r/{verb}?wait=5s", document)
        yield await told(f"HTTP {verb} (Kafka away)", said, 503, "urn:tocsin:problem:")
