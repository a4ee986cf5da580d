"""What would happen to a document: the whole gateway over real rules, and nothing that leaves it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.connectors.gateway.test_scopes import HeldRules
from tests.harness.smallest_documents import SMALLEST
from tests.streams.ask.conftest import Gateway, gateway_over
from tests.streams.ask.world import EVIL
from tocsin.connectors.dialects.rule_words import words_of_rule
from tocsin.connectors.publish import Origin, problem_reported
from tocsin.schemas.events import DeliveryRequested, MatchOperator
from tocsin.streams.ask.stage_words import STAGE_WORDS
from tocsin.streams.rules.config import Silence, Subscription
from tocsin.streams.rules.decide import STAGES
from tocsin.streams.rules.decision import Emit
from tocsin.streams.rules.match import Match, Matcher
from tocsin.streams.rules.rehearsal import _name_of, rehearse
from tocsin.streams.rules.replay import Replay
from tocsin.streams.rulesfile import load_rulebook

RULES = """
endpoints:
  desk: {sink: log}
  pager: {sink: log}
  aries: {sink: memory, body: aries-1.0}
  theirs: {sink: log}
default_route: {endpoint: desk}
escalations: {night: {steps: [{wait: 0, endpoints: [pager]}, {wait: 10m, endpoints: [desk]}]}}
routes:
  - {name: theirs, match: {tenant: [globex]}, endpoints: [theirs]}
  - {name: worst, match: {code: [e.p.night]}, endpoints: [desk], escalate: night}
  - {name: peers, match: {code: [e.p.peer]}, endpoints: [aries, desk]}
silences:
  - {name: holiday, match: {code: [e.p.holiday]}, from: 2026-12-24T00:00:00Z, until: 2026-12-26T00:00:00Z}
"""
HOOK = Subscription(name="hook", tenant="acme", match=Match([Matcher("code", MatchOperator.EQUAL, ("e.p.sub",))]))
OTHER = Subscription(name="canary-of-globex", tenant="globex", match=Match())
NIGHT = {"code": "e.p.night", "text": "the road is gone"}


@pytest.fixture
async def gateway(lite: str, tmp_path: Path) -> AsyncIterator[Gateway]:
    file = tmp_path / "rules.yaml"
    file.write_text(RULES)
    held = Silence(name="canary-silence", match=Match(), since=0, until=2**60, tenant="globex")
    rules = HeldRules(load_rulebook(file), subscriptions=(HOOK, OTHER), silences=(held,))
    async with gateway_over(lite, rules=rules) as gateway:
        yield gateway


async def _try(gateway: Gateway, body: Any, headers: Mapping[str, str] | None = None) -> tuple[int, dict[str, Any]]:
    said = {**(headers or gateway.acme)}
    raw = {"data": body} if isinstance(body, bytes | str) else {"json": body}
    said |= {"content-type": "application/json"} if isinstance(body, str) else {}
    async with gateway.http.post("/v1/try", headers=said, **raw) as answer:
        return answer.status, await answer.json(content_type=None)


async def test_who_would_be_told_what(gateway: Gateway) -> None:
    status, said = await _try(gateway, {"document": NIGHT})
    assert (status, said["outcome"], said["routes"], said["code"]) == (200, "told", ["worst"], "e.p.night")
    told = [(one["endpoint"], one["after_ms"]) for one in said["told"]]
    assert told == [("desk", 0), ("pager", 0), ("desk", 600_000)]
    assert NIGHT["text"] in said["told"][0]["body"]
    assert [one["does"] for one in said["events"]][:2] == ["ProblemOpened", "EscalationRaised"]
    assert [one["name"] for one in said["stages"]] == [_name_of(stage.judge) for stage in STAGES]
    assert said["whole"] is True


async def test_the_bodies_are_the_very_ones_that_would_be_sent(gateway: Gateway, tmp_path: Path) -> None:
    """A document with an id of its own is the same event each time, so it can be compared with what the rules send."""
    document = b'{"code": "e.p.peer", "thread_id": "t-9", "text": "x", "message_id": "m-1"}'
    query = {"document": document.decode(), "dialect": "canonical", "at": "2026-11-30T10:00:00Z"}
    _, said = await _try(gateway, query)
    now = 1_796_032_800_000_000
    event = problem_reported(document, Origin(tenant="acme", dialect="canonical"), now=now)
    decided = Replay(HeldRules(load_rulebook(tmp_path / "rules.yaml")).config).hear(event, now)
    emitted = [one.event for each in decided for one in each.decisions if isinstance(one, Emit)]
    requests = {one.endpoint: one for one in emitted if isinstance(one, DeliveryRequested)}
    assert {one["endpoint"]: one["body"] for one in said["told"]} == {
        name: one.body.decode() for name, one in requests.items()
    }
    assert {one["endpoint"]: (one["form"], one["content_type"]) for one in said["told"]} == {
        "aries": ("aries-1.0", requests["aries"].content_type), "desk": ("notification", "application/json"),
    }  # fmt: skip


SAME: dict[str, tuple[Any, str]] = {
    "as a member": ({"document": NIGHT}, "e.p.night"),
    "as a text": ({"document": '{"code": "e.p.night"}'}, "e.p.night"),
    "as it would be published": (NIGHT, "e.p.night"),
    "in an envelope with its context": ({"document": NIGHT, "context": {"service": "issuer"}}, "e.p.night"),
    "a text": ({"document": "the disk is full", "dialect": "text"}, "text"),
    "RFC 9457": ({"document": {"title": "t", "status": 500}}, "about:blank"),
}


@pytest.mark.parametrize(("body", "code"), SAME.values(), ids=SAME)
async def test_how_a_document_may_be_given(gateway: Gateway, body: Any, code: str) -> None:
    status, said = await _try(gateway, body)
    assert (status, said["is_problem"]) == (200, True), said
    assert said["code"] == code or code == "text"


async def test_a_dialect_that_breaks_its_rules_is_told_so_in_words(gateway: Gateway) -> None:
    _, said = await _try(gateway, {"document": {"title": "t", "status": "500"}})
    (broken,) = said["violations"]
    assert (broken["rule"], broken["pointer"]) == ("status-not-a-number", "/status")
    assert broken["expected"] == words_of_rule("status-not-a-number")
    assert broken["specification"]["url"].startswith("https://")


async def test_what_a_stage_decides_is_said(gateway: Gateway) -> None:
    holiday = {"document": {"code": "e.p.holiday", "text": "x"}}
    _, said = await _try(gateway, holiday | {"at": "2026-12-25T00:00:00Z"})
    assert (said["outcome"], said["told"]) == ("nobody is told: silenced", [])
    assert (said["stages"][-1]["name"], said["stages"][-1]["detail"]) == ("silence", "holiday")
    _, said = await _try(gateway, holiday | {"at": "2026-12-27T00:00:00Z"})
    assert (said["outcome"], said["routes"]) == ("told", ["default_route"])


async def test_a_subscription_of_ones_own_is_named_and_no_other(gateway: Gateway) -> None:
    _, said = await _try(gateway, {"document": {"code": "e.p.sub", "text": "x"}})
    assert said["subscriptions"] == ["hook"]
    assert "canary" not in str(said)
    assert "theirs" not in str(said)
    _, said = await _try(gateway, {"document": {"code": "e.p.sub", "text": "x"}}, gateway.keyring.header("globex"))
    assert said["outcome"] == "nobody is told: silenced"


async def test_what_is_no_problem_is_said(gateway: Gateway) -> None:
    status, said = await _try(gateway, {"document": {"status": {"code": 200, "detail": "OK"}}})
    assert (status, said["is_problem"]) == (200, False)
    assert "told" not in said


async def test_secrets_are_taken_out_before_it_is_told(gateway: Gateway) -> None:
    document = {"code": "e.p.night", "text": "password=hunter2-canary-long"}
    _, said = await _try(gateway, {"document": document})
    assert "hunter2" not in said["told"][0]["body"]


REFUSED: dict[str, tuple[Any, int]] = {
    "no JSON": ("{", 400),
    "an unknown dialect": ({"document": {}, "dialect": "klingon"}, 422),
    "a context that is none": ({"document": NIGHT, "context": 7}, 422),
    "a member that is no context": ({"document": NIGHT, "context": {"x": 1}}, 422),
    "a time that is none": ({"document": NIGHT, "at": "soon"}, 422),
    "a dialect that is no text": ({"document": NIGHT, "dialect": 7}, 422),
    "nothing that can be read": ({"document": {"x": 1}}, 422),
    "too deep": ({"document": "[" * 10_000}, 400),
    "too large": ({"document": {"code": "e.p.x", "text": "x" * 300_000}}, 413),
}


@pytest.mark.parametrize(("body", "status"), REFUSED.values(), ids=REFUSED)
async def test_what_cannot_be_tried(gateway: Gateway, body: Any, status: int) -> None:
    answered, said = await _try(gateway, body)
    assert answered == status, said
    assert said["type"].startswith("urn:tocsin:problem:")


@pytest.mark.parametrize("dialect", SMALLEST)
async def test_every_dialect_can_be_tried(gateway: Gateway, dialect: str) -> None:
    status, said = await _try(gateway, {"document": SMALLEST[dialect], "dialect": dialect})
    assert status == 200, said
    assert said["read"]


async def test_many_at_once_are_all_answered_or_told_that_it_is_too_much(gateway: Gateway) -> None:
    answers = await asyncio.gather(*(_try(gateway, {"document": NIGHT}) for _ in range(40)))
    assert {status for status, _ in answers} <= {200, 429, 503}
    assert 200 in {status for status, _ in answers}


async def test_large_documents_of_one_tenant_leave_the_gateway_to_the_others(gateway: Gateway) -> None:
    large, globex = {"document": {"code": "a", "text": "x" * 240_000}}, gateway.keyring.header("globex", "read")
    answers = [await _try(gateway, large) for _ in range(8)]
    status, said = answers[-1]
    assert (answers[0][0], status, said["limit"]) == (200, 429, "bytes")
    assert (await _try(gateway, {"document": NIGHT}, globex))[0] == 200


async def test_hostile_text_stays_what_it_is(gateway: Gateway) -> None:
    _, said = await _try(gateway, {"document": {"code": EVIL, "text": EVIL, "thread_id": EVIL}})
    assert said["is_problem"] is True


async def test_who_only_publishes_does_not_learn_the_rules(gateway: Gateway) -> None:
    assert (await _try(gateway, {"document": NIGHT}, gateway.keyring.header("acme", "publish")))[0] == 403


def test_every_stage_has_its_question() -> None:
    assert set(STAGE_WORDS) == {_name_of(stage.judge) for stage in STAGES}


def test_a_trial_ends_however_often_its_rules_would_tell(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(
        "endpoints: {desk: {sink: log}}\ndefault_route: {endpoint: desk}\n"
        "escalations: {on: {cycles: 100, steps: [{wait: 1s, endpoints: [desk]}]}}\n"
        "routes: [{endpoints: [desk], escalate: on}]\n"
    )
    event = problem_reported(b'{"code": "e.p.x", "text": "x"}', Origin(tenant="acme", dialect="canonical"), now=10**15)
    config = HeldRules(load_rulebook(file)).config
    done = rehearse(event, config, 10**15)
    assert done.whole is False
    assert len(done.told) <= 60
