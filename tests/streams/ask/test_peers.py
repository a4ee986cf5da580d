"""What is known of peers, and the loops that were stopped: over both databases, and of one tenant alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import pytest

from tests.harness.databases import new_database
from tests.harness.projected import TIME
from tests.harness.stored import Story, problem
from tests.streams.ask.conftest import Gateway, fill, gateway_over
from tests.streams.ask.world import EVIL, EVIL_PEER, SECOND
from tocsin.connectors.store.loops import LOOP_REASONS
from tocsin.connectors.store.structs import Activity
from tocsin.schemas.events import (
    ActivityKind,
    ActivityObserved,
    ProblemReported,
    ProblemSuppressed,
    TimeoutNoticed,
)
from tocsin.schemas.problem import Source, Violation
from tocsin.streams.ask.loop_words import LOOP_WORDS
from tocsin.streams.ask.peer_facts import replies_of

ALL = "since=2020-01-01T00:00:00Z"
BOB = "did:example:bob"
OFFER = "https://didcomm.org/issue-credential/2.0/offer-credential"
REQUEST = "https://didcomm.org/issue-credential/2.0/request-credential"


def _base(at: int, tenant: str = "acme") -> dict[str, Any]:
    return {"tenant": tenant, "occurred_at": at, "recorded_at": at}


def _report(
    name: str, at: int, sender: str, reason: str | None = None, tenant: str = "acme", code: str = "e.p.xfer",
    violations: int = 0,
) -> Story:  # fmt: skip
    told = problem(
        "x", code=code, code_key=code, source=Source(sender=sender, connection=f"c-{sender}"), thread_id=f"t-{sender}",
        violations=[Violation(rule="code-not-lower-case", pointer="/body/code")] * violations,
    )  # fmt: skip
    found: list[Any] = [("inbox", tenant, ProblemReported(event_id=name, problem=told, raw=b"{}", **_base(at, tenant)))]
    if reason is not None:
        held = ProblemSuppressed(event_id=f"s-{name}", case="case", report=name, reason=reason, **_base(at, tenant))
        found.append(("problems", "case", held))
    return found


def _message(kind: ActivityKind, name: str, thread: str, at: int, message_type: str = OFFER) -> Any:
    said = ActivityObserved(
        event_id=name, kind=kind, thread_id=thread, connection=f"c-{BOB}", message_type=message_type, **_base(at)
    )
    return "inbox", "acme", said


def _asked_and_answered(number: int, seconds: int) -> Story:
    at = TIME + number * 1000 * SECOND
    return [
        _message(ActivityKind.MESSAGE_SENT, f"m-s{number}", f"t{number}", at),
        _message(ActivityKind.MESSAGE_RECEIVED, f"m-r{number}", f"t{number}", at + seconds * SECOND, REQUEST),
    ]


PEERS: Story = [
    *_report("bob-1", TIME, BOB, violations=1),
    *_report("bob-2", TIME + 1 * SECOND, BOB, "ping_pong"),
    *_report("bob-3", TIME + 2 * SECOND, BOB, "ping_pong", code="e.p.other"),
    *_report("bob-4", TIME + 3 * SECOND, BOB, "identical"),
    *(event for number in range(1, 21) for event in _asked_and_answered(number, number)),
    _message(ActivityKind.MESSAGE_SENT, "again-1", "t-again", TIME),
    _message(ActivityKind.MESSAGE_SENT, "again-2", "t-again", TIME + SECOND),
    _message(ActivityKind.MESSAGE_RECEIVED, "again-3", "t-again", TIME + 9000 * SECOND),
    (
        "problems",
        "",
        TimeoutNoticed(
            event_id="late", thread_id="t-late", connection=f"c-{BOB}", message_type=OFFER, waited=7 * SECOND,
            choice="give_up", **_base(TIME + 5 * SECOND),
        ),
    ),
    *_report("evil-1", TIME + 9 * SECOND, EVIL_PEER, "hops", code=EVIL, violations=3),
    *_report("globex-1", TIME, "did:example:only-globex", "exchange", "globex", violations=9),
]  # fmt: skip


@pytest.fixture(scope="module")
def large_peers(postgres: str) -> str:
    address = new_database(postgres)
    fill(address, PEERS)
    return address


@pytest.fixture(scope="module")
def lite_peers(tmp_path_factory: pytest.TempPathFactory) -> str:
    address = f"sqlite:///{tmp_path_factory.mktemp('peers') / 'store.db'}"
    fill(address, PEERS)
    return address


@pytest.fixture(params=["lite_peers", "large_peers"], ids=["sqlite", "postgresql"])
async def gateway(request: pytest.FixtureRequest) -> AsyncIterator[Gateway]:
    async with gateway_over(request.getfixturevalue(request.param)) as gateway:
        yield gateway


async def test_peers_with_their_numbers_in_every_order(gateway: Gateway) -> None:
    items = (await gateway.get(f"/v1/peers?{ALL}")).json["items"]
    assert [(one["peer"], one["reports"], one["count"]) for one in items] == [(EVIL_PEER, 1, 3), (BOB, 4, 1)]
    assert [one["last_at"] for one in items] == ["2023-11-14T22:13:29.000Z", "2023-11-14T22:13:23.000Z"]
    for sort, first in {"-reports": BOB, "reports": EVIL_PEER, "-last_at": EVIL_PEER, "count": BOB}.items():
        assert (await gateway.get(f"/v1/peers?{ALL}&sort={sort}")).json["items"][0]["peer"] == first, sort
    assert (await gateway.get(f"/v1/peers?{ALL}&sort=secret")).json["parameter"] == "sort"


async def test_what_a_peer_does(gateway: Gateway) -> None:
    known = (await gateway.get(f"/v1/peers/{BOB}?{ALL}")).json
    sent = known["sent"]
    assert (sent["count"], sent["whole"], sent["days"]) == (4, True, [{"day": "2023-11-14", "count": 4}])
    assert sent["codes"] == [{"name": "e.p.xfer", "count": 3}, {"name": "e.p.other", "count": 1}]
    assert known["protocols"] == [{"name": "https://didcomm.org/issue-credential/2.0", "count": 21}]
    assert known["replies"] == [
        {"message_type": OFFER, "count": 20, "p50_ms": 10_000, "p95_ms": 19_000, "longest_ms": 20_000}
    ], "what was sent again counts for nothing"
    assert known["timeouts"]["count"] == 1
    (late,) = known["timeouts"]["newest"]
    assert (late["message_type"], late["waited_ms"], late["choice"]) == (OFFER, 7000, "give_up")
    assert known["stopped"] == [{"reason": "ping_pong", "meaning": LOOP_WORDS["ping_pong"], "count": 2}]
    assert [one["id"] for one in known["connections"]] == [f"c-{BOB}"]
    for link in known["links"].values():
        assert (await gateway.get(link)).status == 200, link


async def test_the_loops_that_were_stopped(gateway: Gateway) -> None:
    said = (await gateway.get(f"/v1/loops?{ALL}")).json
    assert (said["looked_at"], said["whole"]) == (3, True)
    assert [(one["reason"], one["count"], one["sender"]) for one in said["items"]] == [
        ("hops", 1, EVIL_PEER), ("ping_pong", 2, BOB),
    ]  # fmt: skip
    assert said["items"][1]["first_at"] == "2023-11-14T22:13:21.000Z"
    assert said["items"][1]["thread"] == f"t-{BOB}"
    assert all(one["meaning"] == LOOP_WORDS[one["reason"]] for one in said["items"])
    assert (await gateway.get("/v1/loops")).json["items"] == [], "none in the last day"


async def test_another_tenants_are_not_there(gateway: Gateway) -> None:
    for path in (f"/v1/peers?{ALL}", f"/v1/loops?{ALL}", f"/v1/peers/{BOB}?{ALL}"):
        assert "globex" not in (await gateway.get(path)).text
    assert (await gateway.get(f"/v1/peers/did:example:only-globex?{ALL}")).status == 404
    theirs = gateway.keyring.header("globex")
    assert (await gateway.get(f"/v1/peers/{BOB}?{ALL}", theirs)).status == 404
    assert (await gateway.get(f"/v1/peers/did:example:only-globex?{ALL}", theirs)).json["sent"]["count"] == 1


async def test_a_peer_is_known_by_its_connection_too(gateway: Gateway) -> None:
    known = (await gateway.get(f"/v1/peers/{quote(f'c-{BOB}', safe='')}?{ALL}")).json
    assert (known["sent"]["count"], known["violations"], len(known["replies"])) == (4, [], 1)


def test_every_loop_has_its_words() -> None:
    assert set(LOOP_WORDS) == set(LOOP_REASONS)


def _said(kind: str, at: int, message_type: str | None = OFFER, thread: str | None = "t") -> Activity:
    return Activity(str(at), at, at, kind, None, message_type, thread, None, "c", None, None, None, None, None, None)


REPLIES: dict[str, tuple[list[Activity], list[int]]] = {
    "one": ([_said("message_sent", 0), _said("message_received", 5000)], [5]),
    "what comes first is no reply": ([_said("message_received", 1), _said("message_sent", 2)], []),
    "a second message is no second reply": (
        [_said("message_sent", 0), _said("message_received", 5000), _said("message_received", 9000)],
        [5],
    ),
    "another thread": ([_said("message_sent", 0), _said("message_received", 5000, thread="other")], []),
    "no thread": ([_said("message_sent", 0, thread=None), _said("message_received", 5000, thread=None)], []),
    "sent again": ([_said("message_sent", 0), _said("message_sent", 1), _said("message_received", 5000)], []),
    "of no type": ([_said("message_sent", 0, None), _said("message_received", 5000)], []),
    "asked anew after an answer": (
        [
            _said("message_sent", 0), _said("message_received", 5000),
            _said("message_sent", 6000), _said("message_received", 8000),
        ],
        [2, 5],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("messages", "took"), REPLIES.values(), ids=REPLIES)
def test_what_is_a_reply(messages: list[Activity], took: list[int]) -> None:
    (found,) = replies_of(messages) or [{"count": 0}]
    assert found["count"] == len(took)
    if took:
        assert (found["p50_ms"], found["longest_ms"]) == (took[(len(took) - 1) // 2], took[-1])
