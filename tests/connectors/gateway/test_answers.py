"""`?wait=5s` and GET /v1/commands/{id}: what became of a command, over a port that answers as the test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from tocsin.connectors.commands.command import REMEMBERED
from tocsin.connectors.gateway import GatewayConfig, build_gateway
from tocsin.connectors.gateway.answers import WAITING, StoredCommands
from tocsin.connectors.gateway.ports import Ports
from tocsin.connectors.publish import MemoryPublisher
from tocsin.schemas.events import CommandAnswered, CommandIssued, CommandOutcome

from .conftest import Gateway, serving

BY = {"tocsin-by": "ann", "tocsin-tenant": "acme"}


class SaidAnswers:
    """Answers every command alike, or not at all."""

    def __init__(self) -> None:
        self.outcome: CommandOutcome | None = None
        self.waited: list[float] = []
        self.tenant = "acme"

    def latest(self, command: str) -> CommandAnswered | None:
        if self.outcome is None:
            return None
        return CommandAnswered(
            event_id="a", tenant=self.tenant, occurred_at=1, recorded_at=1, command=command, kind="resolve",
            target="r", by="ann", outcome=self.outcome, case="c", detail="as it is",
        )  # fmt: skip

    async def answer(self, command: str, within: float) -> CommandAnswered | None:
        self.waited.append(within)
        return self.latest(command)


class KnownCases:
    """Knows the case `k` of the delivery `d-1` of acme, and the case `u`, of which nobody was told."""

    async def case_of(self, target: str, tenant: str, within: float) -> str | None:
        if (target, tenant) == ("u", "acme"):
            return "u"
        return "k" if (target, tenant) == ("d-1", "acme") else None


class AnswersByTarget(SaidAnswers):
    """Done for the case `k`; no other is known."""

    def __init__(self, publisher: MemoryPublisher) -> None:
        super().__init__()
        self._publisher = publisher

    async def answer(self, command: str, within: float) -> CommandAnswered | None:
        issued = {event.event_id: event for event in self._publisher.events if isinstance(event, CommandIssued)}
        self.outcome = CommandOutcome.DONE if issued[command].target == "k" else CommandOutcome.KEPT
        return self.latest(command)


# the id, whose it is asked for, the header of a key, and the status
SEEN: dict[str, tuple[str, str, dict[str, str], int]] = {
    "of a delivery": ("d-1", "acme", {}, 200),
    "of a delivery, with a key": ("d-1", "acme", {"idempotency-key": "k-1"}, 200),
    "of another tenant's": ("d-1", "globex", {}, 404),
    "of nothing": ("d-2", "acme", {}, 404),
    "of a case itself, which is asked for once": ("u", "acme", {}, 404),
}


@pytest.mark.parametrize(("target", "tenant", "key", "status"), SEEN.values(), ids=list(SEEN))
async def test_an_id_that_somebody_has_seen(target: str, tenant: str, key: dict[str, str], status: int) -> None:
    publisher = MemoryPublisher()

    async def ready() -> bool | str:
        return True

    answers = AnswersByTarget(publisher)
    app = build_gateway(
        GatewayConfig(), publisher, ready, CollectorRegistry(), Ports(answers=answers, cases=KnownCases())
    )  # fmt: skip
    async with serving(app) as port, aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http:
        headers = {"tocsin-by": "ann", "tocsin-tenant": tenant} | key
        async with http.post(f"/v1/problems/{target}/acknowledge?wait=1s", headers=headers) as answer:
            assert answer.status == status, await answer.text()
    assert [event.target for event in publisher.events] == [target, "k"][: 2 if status == 200 else 1]  # type: ignore[union-attr]


async def test_who_looks_for_a_case_counts_among_those_who_wait() -> None:
    class Slow:
        looking = 0

        async def case_of(self, target: str, tenant: str, within: float) -> str | None:
            self.looking += 1
            await asyncio.sleep(3600)
            return "k"

    slow = Slow()
    stored = StoredCommands(SaidAnswers(), slow)
    asked = [asyncio.create_task(stored.case_of(f"d-{number}", "acme", 30)) for number in range(WAITING + 5)]
    await asyncio.sleep(0)
    assert [task.done() for task in asked].count(True) <= 5
    await asyncio.sleep(0)
    assert slow.looking == WAITING
    assert [task.result() for task in asked if task.done()] == [None] * 5
    assert (await stored.answered("c", "acme", 1.0)).status_code == 202
    for task in asked:
        task.cancel()
    await asyncio.gather(*asked, return_exceptions=True)


@pytest.fixture
async def answering() -> AsyncIterator[tuple[Gateway, SaidAnswers]]:
    """A gateway with answers."""
    answers, publisher = SaidAnswers(), MemoryPublisher()

    async def ready() -> bool | str:
        return True

    app = build_gateway(GatewayConfig(), publisher, ready, CollectorRegistry(), Ports(answers=answers))
    async with serving(app) as port, aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http:
        yield Gateway(publisher, http, port), answers


# what is answered, the status, and the end of the problem's type
WAITED: dict[str, tuple[CommandOutcome | None, int, str]] = {
    "done": (CommandOutcome.DONE, 200, ""),
    "already so": (CommandOutcome.ALREADY_SO, 200, ""),
    "kept": (CommandOutcome.KEPT, 404, "no-such-case"),
    "never came": (CommandOutcome.NOT_FOUND, 404, "no-such-case"),
    "refused": (CommandOutcome.REFUSED, 409, "command-refused"),
    "of a later release": (CommandOutcome.UNKNOWN, 409, "command-refused"),
    "no answer": (None, 504, "no-answer"),
}


@pytest.mark.parametrize(("outcome", "status", "kind"), WAITED.values(), ids=list(WAITED))
async def test_who_waits_is_told(
    answering: tuple[Gateway, SaidAnswers], outcome: CommandOutcome | None, status: int, kind: str
) -> None:
    gateway, answers = answering
    answers.outcome = outcome
    found, told, _ = await gateway.post("/v1/problems/r/resolve?wait=5s", headers=BY)
    (event,) = gateway.publisher.events
    assert (found, told["event_id"], answers.waited) == (status, event.event_id, [5.0])
    assert told.get("type", "").endswith(kind)
    assert ("expected" in told) == (status == 404), "who named a wrong id is told which ones are taken"
    assert outcome is None or (told["outcome"], told["case"], told["detail"]) == (outcome.value, "c", "as it is")


async def test_who_does_not_wait_is_told_where_to_look(answering: tuple[Gateway, SaidAnswers]) -> None:
    gateway, answers = answering
    status, told, headers = await gateway.post("/v1/problems/r/resolve", headers=BY)
    assert (status, headers["location"], answers.waited) == (202, told["status"], [])

    async def look(path: str) -> tuple[int, Any]:
        async with gateway.http.get(path) as answer:
            return answer.status, await answer.json(content_type=None)

    assert await look(told["status"]) == (200, {"event_id": told["event_id"], "outcome": "pending"})
    answers.outcome = CommandOutcome.DONE
    status, found = await look(told["status"])
    assert (status, found["outcome"]) == (200, "done")
    for other in (told["status"].replace("acme", "globex"), told["status"].partition("?")[0]):
        status, found = await look(other)
        assert (status, found["type"]) == (404, "urn:tocsin:problem:unknown-command"), "another tenant learns nothing"


@pytest.mark.parametrize("wait", ["", "5", "-1s", "31s", "1y", "1s&wait=2s"])
async def test_a_wait_that_is_none_stores_nothing(answering: tuple[Gateway, SaidAnswers], wait: str) -> None:
    gateway, _ = answering
    status, told, _ = await gateway.post(f"/v1/problems/r/resolve?wait={wait}", headers=BY)
    assert (status, told["type"], gateway.publisher.events) == (400, "urn:tocsin:problem:bad-wait", [])


async def test_an_instance_is_an_id(answering: tuple[Gateway, SaidAnswers]) -> None:
    gateway, _ = answering
    await gateway.post("/v1/problems/urn:uuid:r/resolve", headers=BY)
    (event,) = gateway.publisher.events
    assert isinstance(event, CommandIssued)
    assert event.target == "r"


async def test_while_nobody_answers_only_so_many_wait() -> None:
    """The others' connections must not be those that publish need: they are told where to look."""
    said = asyncio.Event()

    class Later(SaidAnswers):
        async def answer(self, command: str, within: float) -> CommandAnswered | None:
            await said.wait()
            return self.latest(command)

    answers = Later()
    stored = StoredCommands(answers)
    waiting = [asyncio.create_task(stored.answered(str(number), "acme", 30.0)) for number in range(WAITING)]
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        beyond = await stored.answered("beyond", "acme", 30.0)
    assert (beyond.status_code, beyond.headers["location"]) == (202, "/v1/commands/beyond?tenant=acme")
    answers.outcome = CommandOutcome.DONE
    said.set()
    assert {response.status_code for response in await asyncio.gather(*waiting)} == {200}
    assert (await stored.answered("next", "acme", 30.0)).status_code == 200, "who has waited makes room"


async def test_what_is_remembered_has_a_bound() -> None:
    stored = StoredCommands(SaidAnswers())
    for number in range(REMEMBERED + 1):
        await stored.answered(str(number), "acme", None)
    assert stored.status("0", "acme") is None
    assert stored.status("1", "acme") == {"event_id": "1", "outcome": "pending"}
