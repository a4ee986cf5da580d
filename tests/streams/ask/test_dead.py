"""Dead letters over HTTP: filters, one whole, and its replay; of one tenant alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest

from tests.connectors.gateway.test_scopes import HeldLetters, a_letter
from tests.harness.databases import emptied
from tests.harness.projected import TIME, nothing_more
from tests.streams.ask.conftest import Gateway, gateway_over
from tests.streams.ask.world import EVIL
from tocsin.connectors.kafka.dead_letters import CONNECT_PREFIX, REASON_HEADER
from tocsin.connectors.store import address_of
from tocsin.connectors.store.database import database_of
from tocsin.connectors.store.migrating import migrate
from tocsin.schemas.codec import encode
from tocsin.schemas.events import DeliveryRequested, ProblemReported
from tocsin.schemas.problem import Problem
from tocsin.streams.ask.dead_facts import ReplayOutcome
from tocsin.streams.projector.batch import apply
from tocsin.streams.projector.taken import Taken

HOUR = 3_600_000


def _letter(number: int, value: bytes, **said: str) -> Taken:
    headers = {REASON_HEADER: "raised", f"{CONNECT_PREFIX}stage": "decide", f"{CONNECT_PREFIX}topic": "tocsin.inbox"}
    named = {"reason": REASON_HEADER, "stage": f"{CONNECT_PREFIX}stage", "topic": f"{CONNECT_PREFIX}topic"}
    headers |= {named.get(name, name): text for name, text in said.items()}
    return Taken(
        "dead", 0, number, TIME // 1000 + number * HOUR, b"", value,
        headers=tuple((name, text.encode()) for name, text in headers.items()),
    )  # fmt: skip


def _reported(name: str, tenant: str = "acme") -> bytes:
    told = Problem(dialect="rfc9457", code="e.p.x", text=EVIL)
    return encode(ProblemReported(event_id=name, tenant=tenant, occurred_at=TIME, recorded_at=TIME, problem=told))


REQUEST = DeliveryRequested(
    event_id="q", tenant="acme", occurred_at=TIME, recorded_at=TIME, delivery_id="d", endpoint="owner", about="p",
    content_type="application/json", body=b"{}",
)  # fmt: skip
LETTERS = [
    _letter(0, _reported("p-0")),
    _letter(1, encode(REQUEST), stage="deliver", topic="tocsin.deliveries", reason="exhausted"),
    _letter(2, _reported("p-globex", "globex")),
    _letter(3, b"no event", reason=EVIL, stage=EVIL, topic=EVIL, ce_tenant="acme"),
    _letter(4, b"nobody's"),
]


async def fill_letters(address: str) -> None:
    """Take them up into the store of an address."""
    database = database_of(address_of(address), make=True)
    await database.write(migrate)
    redact: Any = nothing_more
    await database.write(partial(apply, batch=LETTERS, standing={("dead", 0): 0}, redaction_of=redact))
    await database.close()


@pytest.fixture(params=["sqlite", "postgresql"])
async def gateway(request: pytest.FixtureRequest, tmp_path: Any) -> AsyncIterator[Gateway]:
    large = request.param == "postgresql"
    address = emptied(request.getfixturevalue("postgres")) if large else f"sqlite:///{tmp_path / 'store.db'}"
    await fill_letters(address)
    async with gateway_over(address) as found:
        yield found


FILTERS = {
    "all": ("", ["0:3", "0:1", "0:0"]),
    "by reason": ("reason=exhausted", ["0:1"]),
    "by stage": ("stage=decide", ["0:0"]),
    "by topic": ("topic=tocsin.deliveries", ["0:1"]),
    "by topic without its prefix": ("topic=deliveries", ["0:1"]),
    "a topic is no pattern": ("topic=%25", []),
    "by type": ("type=ProblemReported", ["0:0"]),
    "by endpoint": ("endpoint=owner", ["0:1"]),
    "by event": ("event=p-0", ["0:0"]),
    "since": ("since=2023-11-15T01:00:00Z", ["0:3"]),
    "until": ("until=2023-11-14T23:00:00Z", ["0:0"]),
    "several": ("stage=deliver&reason=raised", []),
    "oldest first": ("sort=at", ["0:0", "0:1", "0:3"]),
}


async def test_letters_are_filtered(gateway: Gateway) -> None:
    for name, (query, ids) in FILTERS.items():
        answer = await gateway.get(f"/v1/dead?{query}")
        assert [one["id"] for one in answer.json["items"]] == ids, name
    assert (await gateway.get("/v1/dead?reasons=x")).json["parameter"] == "reasons"


async def test_those_of_nobody_are_for_who_may_see_every_tenant(gateway: Gateway) -> None:
    assert (await gateway.get("/v1/dead?nobodys=true")).json["type"].endswith(":operators-only")
    every = gateway.keyring.header("*")
    found = (await gateway.get("/v1/dead?nobodys=true", every)).json["items"]
    assert [one["id"] for one in found] == ["0:4"]


@pytest.fixture
def letters() -> HeldLetters:
    return HeldLetters(**{
        "1:2": a_letter("acme", {"problem": {"text": EVIL}}),
        "1:3": a_letter("globex", {"problem": {"text": "only-globex-knows"}}),
        "1:4": a_letter(None, text="nobody's", claimed=True),
        "1:5": a_letter("acme", refusal="it holds the row of a timer that failed, not a record", replayed=True),
    })  # fmt: skip


@pytest.fixture
async def shown(lite: str, letters: HeldLetters) -> AsyncIterator[Gateway]:
    async with gateway_over(lite, letters=letters) as gateway:
        yield gateway


async def test_one_letter(shown: Gateway) -> None:
    said = (await shown.get("/v1/dead/1:2")).json
    assert (said["id"], said["reason"], said["content"]) == ("1:2", "raised", {"problem": {"text": EVIL}})
    assert (said["replayed"], said["links"]["replay"]) == (False, "/v1/dead/1:2/replay".replace(":", "%3A"))
    other = (await shown.get("/v1/dead/1:5")).json
    assert "timer" in other["cannot_be_replayed"]
    assert "replay" not in other["links"]


@pytest.mark.parametrize("letter", ["1:3", "1:4", "1:9", "x", "1", "1:2:3", "-1:2", "1:99999999999999999999"])
async def test_a_letter_that_is_not_ones_own_is_not_there(shown: Gateway, letters: HeldLetters, letter: str) -> None:
    assert (await shown.get(f"/v1/dead/{letter}")).status == 404
    assert (await _replay(shown, letter))[0] == 404
    assert letters.replayed == []


async def test_who_may_see_every_tenant_sees_those_of_nobody(shown: Gateway) -> None:
    every = shown.keyring.header("*")
    for letter in ("1:2", "1:3", "1:4"):
        assert (await shown.get(f"/v1/dead/{letter}", every)).status == 200


async def test_a_replay_says_what_was_done(shown: Gateway, letters: HeldLetters) -> None:
    status, said = await _replay(shown, "1:2")
    assert (status, said["outcome"], said["topic"]) == (200, "replayed", "tocsin.inbox")
    assert letters.replayed == [("1:2", "ann", "acme", False)]
    await _replay(shown, "1:2", again=True)
    assert letters.replayed[1:] == [("1:2", "ann", "acme", True)]


OUTCOMES = {
    "refused": (ReplayOutcome(outcome="refused", detail="It cannot be replayed: it may be forged."), 409),
    "so already": (ReplayOutcome(outcome="already_so", detail="It was replayed already."), 200),
}


@pytest.mark.parametrize(("outcome", "status"), OUTCOMES.values(), ids=OUTCOMES)
async def test_what_was_not_done_is_not_called_done(
    shown: Gateway, letters: HeldLetters, outcome: ReplayOutcome, status: int
) -> None:
    letters.outcome = outcome
    answered, said = await _replay(shown, "1:2")
    assert (answered, said["detail"]) == (status, outcome.detail)
    assert said.get("outcome") != "replayed"


async def test_kafka_is_away(shown: Gateway, letters: HeldLetters) -> None:
    letters.away = True
    assert (await shown.get("/v1/dead/1:2")).status == 503
    status, said = await _replay(shown, "1:2")
    assert (status, said["type"]) == (503, "urn:tocsin:problem:letters-away")


async def test_who_only_reads_replays_nothing(shown: Gateway, letters: HeldLetters) -> None:
    reads = shown.keyring.header("acme", "read")
    assert (await shown.get("/v1/dead/1:2", reads)).status == 200
    async with shown.http.post("/v1/dead/1:2/replay", json={"by": "ann"}, headers=reads) as answer:
        assert answer.status == 403
    assert letters.replayed == []


async def _replay(gateway: Gateway, letter: str, **more: Any) -> tuple[int, dict[str, Any]]:
    path = f"/v1/dead/{letter}/replay"
    async with gateway.http.post(path, json={"by": "ann"} | more, headers=gateway.acme) as answer:
        return answer.status, await answer.json(content_type=None)
