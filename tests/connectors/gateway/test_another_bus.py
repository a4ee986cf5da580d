"""A bus that is wired to another one's gateway: its notifications are read, and none of them comes for ever."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tocsin.schemas.ids import idempotent_id

if TYPE_CHECKING:
    from tests.connectors.gateway.conftest import Gateway


def a_notification(kind: str, **data: Any) -> dict[str, Any]:
    return {"type": kind, "timestamp": "x", "data": {"event_id": "e", "case": "c", "tenant": "t"} | data}


PROBLEM = a_notification("problem.opened", hops=2, problem={"code": "e.p.x", "thread_id": "t1"})


async def test_a_notification_is_the_problem_inside(gateway: Gateway) -> None:
    status, answer, _ = await gateway.post("/v1/problems", json=PROBLEM, headers={"webhook-id": "d1"})
    assert status == 202
    [event] = gateway.reported
    assert (event.problem.code, event.problem.thread_id, event.problem.extensions["tocsin.hops"]) == (
        "e.p.x",
        "t1",
        "3",
    )
    assert event.idempotency_key is not None
    assert event.idempotency_key.startswith("d1 ")
    assert answer["event_id"] == event.event_id == idempotent_id("default", event.idempotency_key, "webhook")


async def test_a_notification_without_a_problem_is_taken_and_makes_no_event(gateway: Gateway) -> None:
    status, answer, _ = await gateway.post("/v1/problems", json=a_notification("escalation.stepped"))
    assert (status, answer) == (202, {"ignored": "a notification of a bus that reports no problem"})
    assert gateway.reported == []


async def test_in_a_batch_it_is_neither_accepted_nor_refused(gateway: Gateway) -> None:
    status, answer, _ = await gateway.post(
        "/v1/problems", json=[PROBLEM, a_notification("problem.resolved"), {"code": 1}]
    )
    assert (status, answer["accepted"], answer["refused"]) == (202, 1, 1)
    assert set(answer["items"][1]) == {"ignored"}
    status, answer, _ = await gateway.post("/v1/problems", json=[a_notification("problem.resolved")])
    assert (status, answer["accepted"], answer["refused"]) == (202, 0, 0)


async def test_a_webhook_that_is_delivered_again_is_one_event(gateway: Gateway) -> None:
    for _ in range(2):
        assert (await gateway.post("/v1/problems", json=PROBLEM, headers={"webhook-id": "msg_1"}))[0] == 202
    assert len({event.event_id for event in gateway.reported}) == 1


async def test_two_senders_that_count_their_webhooks_alike_are_not_confused(gateway: Gateway) -> None:
    for code in ("e.p.x", "e.p.y"):
        assert (await gateway.post("/v1/problems", json={"code": code}, headers={"webhook-id": "msg_1"}))[0] == 202
    assert len({event.event_id for event in gateway.reported}) == 2


KEYS = {
    "a key beside it": ({"webhook-id": "msg_1", "idempotency-key": "k"}, "k"),
    "an id that is no key": ({"webhook-id": "x" * 300}, None),
}


@pytest.mark.parametrize(("headers", "key"), KEYS.values(), ids=KEYS)
async def test_when_the_id_of_a_webhook_is_not_its_key(
    gateway: Gateway, headers: dict[str, str], key: str | None
) -> None:
    assert (await gateway.post("/v1/problems", json={"code": "e.p.x"}, headers=headers))[0] == 202
    assert gateway.reported[0].idempotency_key == key
