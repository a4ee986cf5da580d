"""Whatever a sink does, an attempt ends with an outcome that can be written."""

from __future__ import annotations

import asyncio
from time import time_ns
from typing import Any, cast

import msgspec
import pytest

from tocsin.connectors.outcomes import Delivered, Reason, Rejected, RetryLater
from tocsin.connectors.sinks import Sink
from tocsin.schemas.codec import decode, encode
from tocsin.schemas.errors import Undecodable, UndecodableReason
from tocsin.schemas.events import DeliveryAttempt, DeliveryOutcome, Outcome
from tocsin.streams.dispatcher.attempts import MAX_NAMES, Attempts, check_names, make_attempt

ATTEMPT = DeliveryAttempt(
    event_id="a", tenant="acme", occurred_at=1, recorded_at=1, delivery_id="d", endpoint="owner", attempt=1,
    about="r", content_type="application/json", body=b"{}",
)  # fmt: skip


class Returns:
    """A sink that returns anything at all."""

    def __init__(self, returned: Any) -> None:
        self.returned = returned

    async def __aenter__(self) -> Returns:
        return self

    async def __aexit__(self, *error: object) -> None:
        return None

    async def deliver(self, attempt: DeliveryAttempt) -> Any:
        if isinstance(self.returned, Exception):
            raise self.returned
        return self.returned


@pytest.mark.parametrize(
    ("returned", "outcome", "reason"),
    [
        pytest.param(Delivered(status=200), Outcome.DELIVERED, "delivered", id="delivered"),
        pytest.param(RetryLater(reason=Reason.TIMEOUT), Outcome.RETRY_LATER, "timeout", id="later"),
        pytest.param(Rejected(reason=Reason.GONE), Outcome.REJECTED, "gone", id="never"),
        pytest.param(ValueError("x"), Outcome.RETRY_LATER, "sink_failed", id="it raises"),
        pytest.param(True, Outcome.RETRY_LATER, "sink_failed", id="another type"),
        pytest.param(None, Outcome.RETRY_LATER, "sink_failed", id="nothing"),
        pytest.param(RetryLater(reason="timeout"), Outcome.RETRY_LATER, "timeout", id="a reason as text"),  # type: ignore[arg-type]
        pytest.param(Rejected(reason="no"), Outcome.RETRY_LATER, "sink_failed", id="an unknown reason"),  # type: ignore[arg-type]
        pytest.param(RetryLater(reason=Reason.TIMEOUT, after=0.5), Outcome.RETRY_LATER, "sink_failed", id="a half"),  # type: ignore[arg-type]
        pytest.param(Delivered(message_sha256="0" * 65), Outcome.RETRY_LATER, "sink_failed", id="no SHA-256"),
    ],
)
async def test_what_a_sink_returns(returned: object, outcome: Outcome, reason: str) -> None:
    said = await make_attempt(ATTEMPT, {"owner": Returns(returned)})
    assert (said.outcome, said.reason) == (outcome, reason)
    assert encode(said)


@pytest.mark.parametrize("returned", [Delivered(), RetryLater(reason=Reason.TIMEOUT), Rejected(reason=Reason.GONE)])
async def test_the_outcome_names_what_the_receiver_was_sent(returned: Any) -> None:
    digest = "ab" * 32
    said = await make_attempt(ATTEMPT, {"owner": Returns(msgspec.structs.replace(returned, message_sha256=digest))})
    assert decode(encode(said)) == said
    assert said.message_sha256 == digest
    assert (await make_attempt(ATTEMPT, {"owner": Returns(returned)})).message_sha256 is None


async def test_an_endpoint_that_is_not_in_the_rules() -> None:
    said = await make_attempt(ATTEMPT, {})
    assert (said.outcome, said.reason) == (Outcome.RETRY_LATER, "endpoint_unknown")


class Hangs(Returns):
    """A sink whose peers named `dead` never answer."""

    def __init__(self) -> None:
        super().__init__(Delivered())
        self.told: list[str | None] = []

    async def deliver(self, attempt: DeliveryAttempt) -> Any:
        self.told.append(attempt.peer)
        if attempt.peer == "dead":
            await asyncio.Event().wait()
        return self.returned


async def test_a_peer_that_hangs_holds_no_other_up() -> None:
    written: list[str] = []

    async def write(attempt: DeliveryAttempt, outcome: DeliveryOutcome) -> None:
        written.append(outcome.delivery_id)

    sink = Hangs()
    attempts = Attempts({"owner": cast(Sink, sink)}, 2, write)
    recent = msgspec.structs.replace(ATTEMPT, recorded_at=time_ns() // 1000)
    dead = [
        asyncio.create_task(attempts.make(msgspec.structs.replace(recent, delivery_id=f"dead-{n}", peer="dead")))
        for n in range(5)
    ]
    await asyncio.sleep(0.01)  # the five have begun
    for n in range(20):
        await attempts.make(msgspec.structs.replace(recent, delivery_id=f"d-{n}", peer=f"peer-{n % 3}"))
    assert written == [f"d-{n}" for n in range(20)]
    assert sink.told.count("dead") == 2, "at most so many of one peer are under way"
    assert len(attempts.turns) == 1, "nothing is kept of who has nothing under way"
    for each in dead:
        each.cancel()
    await asyncio.gather(*dead, return_exceptions=True)
    assert len(attempts.turns) == 0


NAMES = ("event_id", "tenant", "traceparent", "delivery_id", "endpoint")


@pytest.mark.parametrize("name", NAMES)
async def test_an_attempt_is_made_only_if_its_outcome_can_be_written(name: str) -> None:
    """Made and not told, it would be made again by each dispatcher that comes, and end each."""
    rest = sum(len(getattr(ATTEMPT, other) or "") for other in NAMES if other != name)
    longest = msgspec.structs.replace(ATTEMPT, **{name: "鍵" * (MAX_NAMES - rest)})
    check_names(longest)
    assert encode(await make_attempt(longest, {}))
    with pytest.raises(Undecodable) as refused:
        check_names(msgspec.structs.replace(longest, **{name: "鍵" * (MAX_NAMES - rest + 1)}))
    assert refused.value.reason is UndecodableReason.TOO_LARGE
