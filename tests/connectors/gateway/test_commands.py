"""POST /v1/problems/{id}/acknowledge, /resolve, /snooze, /choose: what becomes a command, and what is refused."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tocsin.connectors.publish import KafkaAway
from tocsin.schemas.events import CommandIssued, CommandKind

from .conftest import Gateway

MINUTE = 60_000_000
ID = "0192f0c1-7d7a-7aaa-8aaa-000000000001"


def issued(gateway: Gateway) -> CommandIssued:
    (event,) = gateway.publisher.events
    assert isinstance(event, CommandIssued)
    return event


async def test_acknowledge(gateway: Gateway) -> None:
    body = {"by": "ann", "why": "on it"}
    status, answer, _ = await gateway.post(f"/v1/problems/{ID}/acknowledge", json=body, params={"tenant": "acme"})
    event = issued(gateway)
    assert (status, answer) == (202, {"event_id": event.event_id})
    assert (event.kind, event.target, event.by, event.why) == (CommandKind.ACKNOWLEDGE, ID, "ann", "on it")
    assert (event.tenant, event.until, event.choice) == ("acme", None, None)


async def test_who_may_stand_in_a_header_and_then_no_body_is_needed(gateway: Gateway) -> None:
    assert (await gateway.post(f"/v1/problems/{ID}/resolve", headers={"tocsin-by": "ann"}))[0] == 202
    assert (issued(gateway).kind, issued(gateway).by, issued(gateway).why) == (CommandKind.RESOLVE, "ann", None)


@pytest.mark.parametrize("media_type", ["application/octet-stream", "application/x-www-form-urlencoded", "text/plain"])
async def test_without_a_body_its_media_type_says_nothing(gateway: Gateway, media_type: str) -> None:
    headers = {"tocsin-by": "ann", "content-type": media_type}
    assert (await gateway.post(f"/v1/problems/{ID}/resolve", headers=headers))[0] == 202
    assert (await gateway.post(f"/v1/problems/{ID}/resolve", "by=ann", headers=headers))[0] == 415


async def test_what_curl_sends_by_itself_is_refused_with_what_to_add(gateway: Gateway) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    for path, supported in ((f"/v1/problems/{ID}/resolve", 1), ("/v1/problems", 10)):
        status, problem, _ = await gateway.post(path, b'{"by": "ann"}', headers=headers)
        assert (status, len(problem["supported"])) == (415, supported)
        assert "add -H 'content-type: application/json'" in problem["detail"]


async def test_the_body_says_who_before_the_header(gateway: Gateway) -> None:
    await gateway.post(f"/v1/problems/{ID}/resolve", json={"by": "bob"}, headers={"tocsin-by": "ann"})
    assert issued(gateway).by == "bob"


@pytest.mark.parametrize(("span", "minutes"), [("30m", 30), ("2h", 120), ("1h30m", 90), ("1d", 1440), ("60s", 1)])
async def test_snooze_for_a_span(gateway: Gateway, span: str, minutes: int) -> None:
    before = time.time_ns() // 1000
    assert (await gateway.post(f"/v1/problems/{ID}/snooze", json={"by": "ann", "for": span}))[0] == 202
    until = issued(gateway).until
    assert until is not None
    assert 0 <= until - before - minutes * MINUTE < MINUTE


async def test_snooze_until_a_time(gateway: Gateway) -> None:
    until = int(time.time()) + 3600
    text = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(until))
    assert (await gateway.post(f"/v1/problems/{ID}/snooze", json={"by": "ann", "until": text}))[0] == 202
    assert issued(gateway).until == until * 1_000_000


async def test_a_choice_about_a_message_whose_id_has_slashes(gateway: Gateway) -> None:
    path = "/v1/problems/did:example:a%2Fmessages%2F7/choose"
    assert (await gateway.post(path, json={"by": "ann", "choice": "give_up", "why": "they are gone"}))[0] == 202
    assert (issued(gateway).target, issued(gateway).choice) == ("did:example:a/messages/7", "give_up")


async def test_an_idempotency_key_gives_the_same_command_but_no_other_one(gateway: Gateway) -> None:
    async def sent(path: str, tenant: str = "acme") -> Any:
        headers = {"idempotency-key": "k", "tocsin-by": "ann", "tocsin-tenant": tenant}
        return (await gateway.post(path, headers=headers))[1]["event_id"]

    first = await sent(f"/v1/problems/{ID}/acknowledge")
    assert await sent(f"/v1/problems/{ID}/acknowledge") == first
    others = {
        await sent(f"/v1/problems/{ID}/resolve"),
        await sent("/v1/problems/another/acknowledge"),
        await sent(f"/v1/problems/{ID}/acknowledge", "globex"),
    }
    assert len(others - {first}) == 3


# the command, its body, the status, the kind of problem, where, what would be right
REFUSED: dict[str, tuple[str, object, int, str, str | None, str]] = {
    "nobody says so": ("acknowledge", {}, 422, "not-valid", "/by", "who says so"),
    "nobody with a blank name": ("acknowledge", {"by": " "}, 422, "not-valid", "/by", "who says so"),
    "a name without end": ("resolve", {"by": "x" * 256}, 422, "not-valid", "/by", "255"),
    "reasons without end": ("resolve", {"by": "ann", "why": "x" * 2001}, 422, "not-valid", "/why", "2000"),
    "a member that is none": ("resolve", {"by": "ann", "reason": "x"}, 422, "not-valid", None, "by, why, until"),
    "a name that is no text": ("resolve", {"by": 7}, 422, "not-valid", "/by", "a string"),
    "a list": ("resolve", [{"by": "ann"}], 422, "not-valid", None, "an object"),
    "no JSON": ("resolve", b"{", 400, "malformed", None, ""),
    "a snooze for ever": ("snooze", {"by": "ann"}, 422, "not-valid", "/until", "until when"),
    "a snooze until and for": (
        "snooze", {"by": "ann", "until": "2999-01-01T00:00:00Z", "for": "2h"}, 422, "not-valid", "/for", "either",
    ),
    "a snooze until a time that is over": (
        "snooze", {"by": "ann", "until": "2020-01-01T00:00:00Z"}, 422, "not-valid", "/until", "a time to come",
    ),
    "a snooze for a thousand years": ("snooze", {"by": "ann", "for": "365000d"}, 422, "not-valid", "/for", "a year"),
    "a time without its zone": (
        "snooze", {"by": "ann", "until": "2030-01-31T18:00:00"}, 422, "not-valid", "/until", "zone",
    ),
    "a span that is none": ("snooze", {"by": "ann", "for": "a while"}, 422, "not-valid", "/for", "2h"),
    "an empty span": ("snooze", {"by": "ann", "for": ""}, 422, "not-valid", "/for", "2h"),
    "an acknowledge for a time": ("acknowledge", {"by": "ann", "for": "2h"}, 422, "not-valid", "/until", "no time"),
    "a choice without one": ("choose", {"by": "ann"}, 422, "not-valid", "/choice", "wait, retry, give_up"),
    "a choice that is none": ("choose", {"by": "ann", "choice": "pray"}, 422, "not-valid", "/choice", "give_up"),
    "a choice where there is none": ("resolve", {"by": "ann", "choice": "wait"}, 422, "not-valid", "/choice", "none"),
}  # fmt: skip


@pytest.mark.parametrize(("verb", "body", "status", "kind", "pointer", "expected"), REFUSED.values(), ids=list(REFUSED))
async def test_refusals(
    gateway: Gateway, verb: str, body: object, status: int, kind: str, pointer: str | None, expected: str
) -> None:
    options: dict[str, Any] = {"data": body} if isinstance(body, bytes) else {"json": body}
    answered, problem, headers = await gateway.post(f"/v1/problems/{ID}/{verb}", **options)
    assert (answered, problem["type"]) == (status, f"urn:tocsin:problem:{kind}")
    assert headers["content-type"] == "application/problem+json"
    assert problem.get("pointer") == pointer
    assert expected in problem.get("expected", "")
    assert gateway.publisher.events == []


async def test_an_id_without_end_is_refused(gateway: Gateway) -> None:
    status, _, _ = await gateway.post(f"/v1/problems/{'x' * 256}/resolve", json={"by": "ann"})
    assert (status, gateway.publisher.events) == (422, [])


async def test_no_other_verb(gateway: Gateway) -> None:
    assert (await gateway.post(f"/v1/problems/{ID}/forget", json={"by": "ann"}))[0] in (404, 405)


async def test_nothing_is_accepted_while_kafka_is_away(gateway: Gateway) -> None:
    gateway.publisher.failures.append(KafkaAway("e"))
    status, problem, headers = await gateway.post(f"/v1/problems/{ID}/resolve", json={"by": "ann"})
    assert (status, problem["type"]) == (503, "urn:tocsin:problem:kafka-away")
    assert "retry-after" in headers


async def test_commands_are_counted(gateway: Gateway) -> None:
    await gateway.post(f"/v1/problems/{ID}/resolve", json={"by": "ann"})
    async with gateway.http.get("/metrics") as answer:
        text = await answer.text()
    assert 'tocsin_gateway_accepted_total{kind="command"} 1.0' in text
    assert 'route="/v1/problems/{target:path}/resolve"' in text
