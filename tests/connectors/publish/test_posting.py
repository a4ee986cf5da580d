"""Requests in batches: whatever the splits and the answers, each event is done with once by its id, and in order."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct

from tests.harness.fuzzing import examples
from tocsin.connectors.publish import NoRoom, PublishFailed, PublishRefused, PublishUnconfirmed, Receipt, Spool
from tocsin.connectors.publish import posting as module
from tocsin.connectors.publish.backlog import Backlog
from tocsin.connectors.publish.batches import BATCH, KNOWN_FOR, MOST, MOST_BYTES, BatchSize, answers_of, item_of
from tocsin.connectors.publish.posting import Posting
from tocsin.connectors.publish.requests import PROBLEMS, PublishRequest, spooled_request
from tocsin.connectors.publish.stats import Counts
from tocsin.connectors.publish.wire import NO_ANSWER, NOT_IN_TIME, Answer

LONG = 300.0
"""Seconds that nothing here takes."""
NOW = 0.0
"""Seconds for what must not be waited for."""


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.0001)
    monkeypatch.setattr(module, "LONGEST_PAUSE", 0.001)


def request(key: str, tenant: str = "t", body: bytes = b'{"code":"e.p.x"}') -> PublishRequest:
    headers = {"idempotency-key": key, "tocsin-tenant": tenant, "content-type": "application/json"}
    return PublishRequest(key, PROBLEMS, headers, body)


class Fault(Struct, frozen=True):
    """What becomes of a request: the status of the whole, if it is one; `stored`: it was all the same; else items with
    these numbers are not taken now."""

    status: int = 202
    stored: bool = False
    not_now: frozenset[int] = frozenset()


class Gateway:
    """The other side: `stored` has the keys of what it has, in order; `sizes` how many came in each request."""

    def __init__(self, faults: Iterable[Fault] = (), *, batches: bool = True, most: int = 1000) -> None:
        self.faults = deque(faults)
        self.batches, self.most = batches, most
        self.stored: dict[str, None] = {}
        self.sizes: list[int] = []
        self.asked: list[list[str]] = []
        self.under_way = self.at_once = 0

    async def ask(self, path: str, headers: dict[str, str], body: bytes, patience: float) -> Answer:
        """As Posting is to be given it."""
        self.under_way += 1
        self.at_once = max(self.at_once, self.under_way)
        await asyncio.sleep(0)
        try:
            return self._answered(path, headers, body)
        finally:
            self.under_way -= 1

    def _answered(self, path: str, headers: dict[str, str], body: bytes) -> Answer:
        fault = self.faults.popleft() if self.faults else Fault()
        if path == BATCH and not self.batches:
            return Answer(404)
        keys = [item["key"] for item in json.loads(body)] if path == BATCH else [headers["idempotency-key"]]
        if len(keys) > self.most:
            return Answer(413)
        self.asked.append(keys)
        self.sizes.append(len(body))
        if fault.status != 202:
            self.stored |= dict.fromkeys(self.good(keys)) if fault.stored or fault.status == 200 else {}
            return Answer(fault.status)
        items = [self._take(key, late=number in fault.not_now) for number, key in enumerate(keys)]
        if path == BATCH:
            return Answer(202, document={"items": items})
        error: Any = items[0].get("error")
        return Answer(202, document=items[0]) if error is None else Answer(error["status"])

    def _take(self, key: str, *, late: bool) -> dict[str, Any]:
        if late or not self.good([key]):
            return {"error": {"status": 503 if late else 422, "title": "No"}}
        self.stored[key] = None
        return {"event_id": key}

    @staticmethod
    def good(keys: Iterable[str]) -> list[str]:
        """Without those that are never taken."""
        return [key for key in keys if not key.endswith("!")]


async def published(posting: Posting, requests: Sequence[PublishRequest], gaps: Sequence[bool] = ()) -> list[object]:
    """What becomes of each; where there is a gap, the loop turns before the next one comes."""
    tasks = []
    for number, one in enumerate(requests):
        tasks.append(asyncio.ensure_future(posting.send(one, LONG)))
        if number < len(gaps) and gaps[number]:
            await asyncio.sleep(0)
    return list(await asyncio.gather(*tasks, return_exceptions=True))


WHOLE = st.builds(
    Fault,
    st.sampled_from([NO_ANSWER, NOT_IN_TIME, 200, 400, 403, 404, 408, 413, 415, 422, 429, 500, 503]),
    st.booleans(),
)
PARTS = st.builds(Fault, not_now=st.frozensets(st.integers(0, 8)))
AGAIN = st.sampled_from([Fault(503), Fault(NOT_IN_TIME, stored=True)])
EVENTS = st.lists(st.tuples(st.booleans(), st.sampled_from("ab"), st.booleans()), min_size=1, max_size=40)


@settings(max_examples=examples(60, 2000), deadline=None)
@given(
    events=EVENTS, faults=st.lists(PARTS | st.sampled_from([Fault(503), Fault(NOT_IN_TIME, stored=True)]), max_size=8)
)
async def test_each_is_done_with_once_whatever_is_answered(events: list[Any], faults: list[Fault]) -> None:
    """`!` in a key: never taken."""
    requests = [request(f"{number}{'!' if bad else ''}", tenant) for number, (bad, tenant, _) in enumerate(events)]
    gateway = Gateway(faults)
    found = await published(Posting(gateway.ask, "http://bus", at_once=4), requests, [gap for *_, gap in events])
    for one, outcome in zip(requests, found, strict=True):
        assert isinstance(outcome, PublishRefused if one.event_id.endswith("!") else Receipt)
    good = gateway.good(one.event_id for one in requests)
    assert sorted(gateway.stored) == sorted(good), "each, once by its id"
    if all(fault.status != 202 for fault in faults):
        for tenant in "ab":
            its = [one.event_id for one in requests if one.headers["tocsin-tenant"] == tenant]
            assert [key for key in gateway.stored if key in its] == gateway.good(its), "in their order"


@settings(max_examples=examples(60, 2000), deadline=None)
@given(events=EVENTS, faults=st.lists(WHOLE | PARTS, max_size=12), most=st.integers(1, 12))
async def test_with_a_spool_all_is_at_the_gateway_or_in_the_spool_in_order(
    events: list[Any], faults: list[Fault], most: int
) -> None:
    requests = [request(str(number), tenant) for number, (_, tenant, _) in enumerate(events)]
    kept: list[str] = []

    def keep(one: PublishRequest, failed: PublishFailed) -> Receipt:
        kept.append(one.event_id)
        return Receipt(event_id=one.event_id, spooled=True)

    gateway = Gateway(faults, most=most)
    found = await published(Posting(gateway.ask, "http://bus", at_once=1, keep=keep), requests)
    for tenant in "ab":
        its = [one.event_id for one in requests if one.headers["tocsin-tenant"] == tenant]
        assert [key for key in kept if key in its] == sorted(set(kept) & set(its), key=int), "in their order"
    for one, outcome in zip(requests, found, strict=True):
        if isinstance(outcome, Receipt):
            assert one.event_id in (kept if outcome.spooled else gateway.stored)
        else:
            assert isinstance(outcome, PublishRefused), "what the gateway refused, alone"
    assert len(kept) == len(set(kept))


async def test_whoever_comes_alone_goes_alone_and_the_rest_together(monkeypatch: pytest.MonkeyPatch) -> None:
    gateway, began, go_on = Gateway(), asyncio.Event(), asyncio.Event()

    async def ask(path: str, headers: dict[str, str], body: bytes, patience: float) -> Answer:
        began.set()
        await go_on.wait()
        return await gateway.ask(path, headers, body, patience)

    posting = Posting(ask, "http://bus", at_once=4)
    first = asyncio.ensure_future(posting.send(request("0"), LONG))
    await began.wait()
    rest = [asyncio.ensure_future(posting.send(request(str(number)), LONG)) for number in range(1, 51)]
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.gather(first, *rest)
    assert gateway.asked == [["0"], [str(number) for number in range(1, 51)]]
    await posting.send(request("last"), LONG)
    assert gateway.asked[-1] == ["last"]


async def test_a_batch_is_bounded_by_count_and_by_bytes() -> None:
    gateway = Gateway()
    large = b'{"code":"e.p.x","text":"' + b"x" * 60_000 + b'"}'
    requests = [request(str(number), body=large if number % 7 == 0 else b'{"code":"e"}') for number in range(600)]
    await published(Posting(gateway.ask, "http://bus", at_once=4), requests)
    assert max(map(len, gateway.asked)) <= MOST
    assert max(gateway.sizes) <= MOST_BYTES + 1000
    assert list(gateway.stored) == [one.event_id for one in requests]
    assert len(gateway.asked) < 60


# what cannot stand in a batch byte for byte: media type and body
ALONE: dict[str, tuple[str, bytes]] = {
    "blanks round it": ("application/json", b' {"code": "e.p.x"}'),
    "a line end behind it": ("application/json", b'{"code": "e.p.x"}\n'),
    "two documents": ("application/json", b'{"code": "e.p.x"},{"code": "e.p.y"}'),
    "an array": ("application/json", b'[{"code": "e.p.x"}]'),
    "no JSON": ("application/json", b"{"),
    "nothing": ("application/json", b""),
    "a byte order mark": ("application/json", b'\xef\xbb\xbf{"code": "e.p.x"}'),
    "a text that is not UTF-8": ("text/plain", b"\xff"),
    "a media type of others": ("application/cloudevents+json", b"{}"),
    "a media type with parameters": ("application/json; charset=utf-8", b"{}"),
    "too large": ("application/json", b'{"a":"' + b"x" * MOST_BYTES + b'"}'),
}


@pytest.mark.parametrize(("media_type", "body"), ALONE.values(), ids=list(ALONE))
async def test_what_would_not_be_the_same_bytes_goes_alone_and_in_its_place(media_type: str, body: bytes) -> None:
    alone = PublishRequest("2", PROBLEMS, request("2").headers | {"content-type": media_type}, body)
    assert item_of(alone) is None
    gateway = Gateway()
    requests = [request("0"), request("1"), alone, request("3"), request("4")]
    await published(Posting(gateway.ask, "http://bus", at_once=4), requests)
    assert gateway.asked == [["0", "1"], ["2"], ["3", "4"]]


async def test_a_gateway_that_takes_smaller_batches() -> None:
    gateway = Gateway(most=20)
    await published(Posting(gateway.ask, "http://bus", at_once=4), [request(str(number)) for number in range(100)])
    assert list(gateway.stored) == [str(number) for number in range(100)]
    assert max(map(len, gateway.asked)) == len(gateway.asked[0]) == 12, "200, 100, 50, 25 were too many"


async def test_a_proxy_without_a_gateway_behind_it_says_nothing_of_batches() -> None:
    gateway = Gateway([Fault(404)] * 4)
    posting = Posting(gateway.ask, "http://bus", at_once=4)
    await published(posting, [request(str(number)) for number in range(50)])
    assert list(gateway.stored) == [str(number) for number in range(50)]
    assert [len(keys) for keys in gateway.asked][:2] == [50, 1], "in a batch, then alone: neither is known there"
    assert max(map(len, gateway.asked[4:])) > 1


async def test_a_gateway_without_batches_is_sent_a_few_at_a_time(tmp_path: Path) -> None:
    """As `test_a_few_are_sent_at_once_...` had it of the spool, when it sent one event a request."""
    gateway, counts = Gateway([Fault()] * 6 + [Fault(503)], batches=False), Counts()
    posting = Posting(gateway.ask, "http://bus", at_once=4)

    async def send(record: bytes) -> None:
        await posting.send(PublishRequest.read(record), LONG, spooled=True)

    async def reach() -> None:
        return None

    backlog = Backlog(Spool(tmp_path), send, reach, counts, each_once=True)
    backlog.start()
    for number in range(10):
        backlog.put(str(number), spooled_request(request(str(number))))
    async with asyncio.timeout(LONG):
        while backlog.holds or backlog.spool.state.waiting:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
    await backlog.close(LONG)
    assert gateway.at_once == 4
    assert set(gateway.stored) == {str(number) for number in range(10)}
    assert next(iter(gateway.stored)) == "0"
    assert sorted(list(gateway.stored)[1:5]) == ["1", "2", "3", "4"]
    assert counts.drained == 10


async def test_nothing_overtakes_the_last_of_the_spool() -> None:
    """What is drained is under way, and what comes then goes behind it."""
    for batches in (True, False):
        gateway = Gateway(batches=batches)
        posting = Posting(gateway.ask, "http://bus", at_once=1)
        drained = [asyncio.ensure_future(posting.send(request(str(n)), LONG, spooled=True)) for n in range(3)]
        await asyncio.sleep(0)
        await posting.send(request("3"), LONG)
        await asyncio.gather(*drained)
        assert list(gateway.stored) == ["0", "1", "2", "3"]


async def test_what_hangs_keeps_nobody_beyond_their_time_and_goes_to_the_spool_in_order() -> None:
    kept: list[str] = []
    began, never = asyncio.Event(), asyncio.Event()

    def keep(one: PublishRequest, failed: PublishFailed) -> Receipt:
        kept.append(one.event_id)
        if one.event_id == "3":
            raise NoRoom("3", "full")
        return Receipt(event_id=one.event_id, spooled=True)

    async def ask(path: str, headers: dict[str, str], body: bytes, patience: float) -> Answer:
        began.set()
        await never.wait()
        return Answer(202)

    posting = Posting(ask, "http://bus", at_once=4, keep=keep)
    tasks = [asyncio.ensure_future(posting.send(request("0"), 0.05))]
    await began.wait()
    tasks += [asyncio.ensure_future(posting.send(request(str(number)), LONG)) for number in range(1, 5)]
    stays = asyncio.ensure_future(posting.send(request("spooled"), LONG, spooled=True))
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert kept == ["0", "1", "2", "3", "4"]
    assert [type(one) for one in found] == [Receipt, Receipt, Receipt, NoRoom, Receipt]
    assert not stays.done(), "it stands in the spool, and may be sent yet"
    await posting.close(NOW)
    with pytest.raises(PublishUnconfirmed, match="closed meanwhile"):
        await stays


async def test_what_is_behind_one_that_failed_does_not_overtake_it_into_the_gateway() -> None:
    kept: list[str] = []

    def keep(one: PublishRequest, failed: PublishFailed) -> Receipt:
        kept.append(one.event_id)
        return Receipt(event_id=one.event_id, spooled=True)

    gateway, began, go_on = Gateway([Fault(503)]), asyncio.Event(), asyncio.Event()

    async def ask(path: str, headers: dict[str, str], body: bytes, patience: float) -> Answer:
        began.set()
        await go_on.wait()
        return await gateway.ask(path, headers, body, patience)

    posting = Posting(ask, "http://bus", at_once=4, keep=keep)
    tasks = [asyncio.ensure_future(posting.send(request("0"), LONG))]
    await began.wait()
    tasks += [asyncio.ensure_future(posting.send(request(str(number)), LONG)) for number in range(1, 5)]
    drained = asyncio.ensure_future(posting.send(request("spooled"), LONG, spooled=True))
    await asyncio.sleep(0)
    go_on.set()
    assert all(receipt.spooled for receipt in await asyncio.gather(*tasks))
    with pytest.raises(PublishUnconfirmed):
        await drained
    assert (kept, gateway.asked, dict(gateway.stored)) == (["0", "1", "2", "3", "4"], [["0"]], {})


async def test_without_a_spool_who_has_no_time_left_is_told_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE", 2 * LONG)
    gateway = Gateway([Fault(503)])
    posting = Posting(gateway.ask, "http://bus", at_once=4)
    tasks = [asyncio.ensure_future(posting.send(request(str(number)), LONG)) for number in range(5)]
    for failed in await asyncio.gather(*tasks, return_exceptions=True):
        assert isinstance(failed, PublishUnconfirmed)
        assert "answers 503" in str(failed)
    assert not gateway.stored


@pytest.mark.parametrize("when", ["under way", "waiting"])
async def test_whoever_gives_up_takes_nobody_along(when: str) -> None:
    gateway, began, go_on = Gateway(), asyncio.Event(), asyncio.Event()

    async def ask(path: str, headers: dict[str, str], body: bytes, patience: float) -> Answer:
        began.set()
        await go_on.wait()
        return await gateway.ask(path, headers, body, patience)

    posting = Posting(ask, "http://bus", at_once=4)
    tasks = [asyncio.ensure_future(posting.send(request(str(number)), LONG)) for number in range(2)]
    await began.wait()
    tasks += [asyncio.ensure_future(posting.send(request(str(number)), LONG)) for number in range(2, 5)]
    await asyncio.sleep(0)
    tasks[0 if when == "under way" else 3].cancel()
    await asyncio.sleep(0)
    go_on.set()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert sum(isinstance(one, Receipt) for one in found) == 4
    assert ("3" in gateway.stored) is (when == "under way")


async def test_a_fault_of_ours_leaves_nobody_waiting(caplog: pytest.LogCaptureFixture) -> None:
    async def ask(path: str, headers: dict[str, str], body: bytes, patience: float) -> Answer:
        raise ZeroDivisionError

    found = await published(Posting(ask, "http://bus", at_once=4), [request(str(number)) for number in range(3)])
    assert [type(one) for one in found] == [ZeroDivisionError] * 3
    assert "publishing failed" in caplog.text


def test_how_many_are_sent_together() -> None:
    size = BatchSize()
    assert size.at(0) == MOST
    size.failed()
    size.failed()
    assert size.at(0) == MOST // 4
    size.went(10)
    assert size.at(0) == MOST // 4, "few went well: that says nothing of more"
    size.went(MOST // 4)
    assert size.at(0) == MOST // 2
    size.not_taken(40, 413, 0.0)
    assert size.at(1) == 20
    size.not_taken(20, 404, 1.0)
    assert (size.at(2), size.at(1 + KNOWN_FOR)) == (1, MOST // 2)
    size.failed()
    assert size.at(2) == MOST // 4, "nobody was there: what seemed to be known is not"
    for _ in range(20):
        size.failed()
    assert size.at(1 + KNOWN_FOR) == 1


# an answer to a batch of two, and the statuses that each is answered with; None: it is no answer to a batch
ANSWERS: dict[str, tuple[Answer, list[int] | None]] = {
    "both taken": (Answer(202, document={"items": [{}, {}]}), [202, 202]),
    "one refused": (Answer(202, document={"items": [{"error": {"status": 422}}, {}]}), [422, 202]),
    "all refused": (Answer(422, document={"items": [{"error": {"status": 422}}] * 2}), [422, 422]),
    "none now": (Answer(503, document={"items": [{"error": {"status": 503}}] * 2}), [503, 503]),
    "an error that says nothing": (Answer(202, document={"items": [{"error": {}}, {}]}), [500, 202]),
    "another number of items": (Answer(202, document={"items": [{}]}), None),
    "items that are none": (Answer(202, document={"items": ["", ""]}), None),
    "no items": (Answer(202), None),
    "too much at once": (Answer(429), [429, 429]),
    "a wrong key": (Answer(401), [401, 401]),
    "another address": (Answer(302), None),
    "an old gateway": (Answer(404), None),
    "an old gateway with a route of that name": (Answer(405), None),
    "a proxy that takes no such": (Answer(415), None),
    "not there": (Answer(NO_ANSWER), [NO_ANSWER, NO_ANSWER]),
    "broken": (Answer(500), [500, 500]),
}


@pytest.mark.parametrize(("answer", "statuses"), ANSWERS.values(), ids=list(ANSWERS))
def test_an_answer_to_a_batch(answer: Answer, statuses: list[int] | None) -> None:
    found = answers_of(answer, 2)
    assert (found if found is None else [one.status for one in found]) == statuses


def test_what_is_said_of_an_item_is_said_to_its_publisher() -> None:
    error = {"status": 422, "title": "Not a problem", "detail": "see /code", "retry_after": 7}
    [first, second] = answers_of(Answer(202, retry_after=3, document={"items": [{"error": error}, {}]}), 2) or []
    assert (first.said, first.retry_after, second.status) == ("Not a problem. see /code", 7, 202)
