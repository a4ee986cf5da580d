"""Sinks that come, change and go with the rules, while attempts are made."""

from __future__ import annotations

import asyncio
from types import TracebackType

import pytest
from msgspec.structs import replace

from tests.streams.subscriptions.test_writing import Bus, a_wish, live
from tocsin.connectors.sinks import Delivered, Reason, Rejected, SinkMisconfigured, SinkOutcome
from tocsin.connectors.sinks.memory import MemorySink
from tocsin.connectors.sinks.webhook import WebhookConfig
from tocsin.schemas.events import DeliveryAttempt, Outcome
from tocsin.streams.dispatcher.attempts import make_attempt
from tocsin.streams.processes import dispatch, open_sinks
from tocsin.streams.processes.open_sinks import OpenSinks
from tocsin.streams.rules.config import Endpoint, RuleBook

ATTEMPT = DeliveryAttempt(
    event_id="e",
    tenant="acme",
    occurred_at=0,
    recorded_at=0,
    delivery_id="d",
    endpoint="desk",
    attempt=1,
    about="e",
    content_type="application/json",
    body=b"{}",
)


class Diary:
    """Makes sinks that say what happens to them."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.answer = asyncio.Event()

    def make(self, kind: str, settings: object) -> DiarySink:
        return DiarySink(self, f"sink {sum(one.startswith('open') for one in self.said) + 1}")


class DiarySink(MemorySink):
    def __init__(self, diary: Diary, name: str) -> None:
        super().__init__()
        self.diary, self.name = diary, name

    async def __aenter__(self) -> DiarySink:
        self.diary.said.append(f"open {self.name}")
        return self

    async def deliver(self, attempt: DeliveryAttempt) -> SinkOutcome:
        await self.diary.answer.wait()
        self.diary.said.append(f"delivered by {self.name}")
        return Delivered()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.diary.said.append(f"close {self.name}")


@pytest.fixture
def diary(monkeypatch: pytest.MonkeyPatch) -> Diary:
    diary = Diary()
    monkeypatch.setattr(open_sinks, "make_sink", diary.make)
    return diary


def book(**urls: str) -> RuleBook:
    endpoints = {
        name: Endpoint(name=name, sink="webhook", settings=WebhookConfig(url=url)) for name, url in urls.items()
    }
    return RuleBook(endpoints=endpoints, default_endpoint=next(iter(urls)))


async def test_only_what_changed_is_opened_anew(diary: Diary) -> None:
    async with OpenSinks(book(desk="https://a.example", lead="https://b.example")) as sinks:
        desk = sinks["desk"]
        await sinks.change(book(desk="https://a.example", lead="https://c.example", new="https://d.example"))
        await asyncio.sleep(0)
        assert sinks["desk"] is desk
        assert sorted(sinks) == ["desk", "lead", "new"]
        await sinks.change(book(desk="https://a.example"))
        assert list(sinks) == ["desk"]
        await asyncio.sleep(0.01)
        assert diary.said[:4] == ["open sink 1", "open sink 2", "open sink 3", "open sink 4"]
        assert sorted(diary.said[4:]) == ["close sink 2", "close sink 3", "close sink 4"]
    assert diary.said[-1] == "close sink 1"


async def test_an_old_sink_is_closed_after_the_attempts_that_it_has_begun(diary: Diary) -> None:
    async with OpenSinks(book(desk="https://a.example")) as sinks:
        attempt = asyncio.create_task(sinks["desk"].deliver(ATTEMPT))
        await asyncio.sleep(0)
        await sinks.change(book(desk="https://b.example"))
        await asyncio.sleep(0.01)
        assert diary.said == ["open sink 1", "open sink 2"]
        diary.answer.set()
        await sinks["desk"].deliver(ATTEMPT)
        assert isinstance(await attempt, Delivered)
        await asyncio.sleep(0.01)
        assert sorted(diary.said[2:4]) == ["delivered by sink 1", "delivered by sink 2"]
        assert diary.said[4:] == ["close sink 1"]


async def test_a_sink_that_does_not_open_leaves_the_others_as_they_were(
    diary: Diary, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with OpenSinks(book(desk="https://a.example")) as sinks:
        before = sinks["desk"]

        def refuse(kind: str, settings: object) -> DiarySink:
            raise OSError("no room")

        monkeypatch.setattr(open_sinks, "make_sink", refuse)
        with pytest.raises(OSError, match="no room"):
            await sinks.change(book(desk="https://b.example"))
        assert sinks["desk"] is before


async def test_a_change_is_made_whole_or_not_at_all(diary: Diary, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = book(desk="https://c.example", lead="https://d.example", new="https://e.example")
    async with OpenSinks(book(desk="https://a.example", lead="https://b.example")) as sinks:
        before = dict(sinks)

        def no_third(kind: str, settings: object) -> DiarySink:
            if len(diary.said) == 4:
                raise OSError("too many open files")
            return diary.make(kind, settings)

        monkeypatch.setattr(open_sinks, "make_sink", no_third)
        with pytest.raises(OSError, match="too many"):
            await sinks.change(wanted)
        assert dict(sinks) == before
        assert diary.said[4:] == ["close sink 3", "close sink 4"]
        monkeypatch.setattr(open_sinks, "make_sink", diary.make)
        await sinks.change(wanted)
        assert sorted(sinks) == ["desk", "lead", "new"]
        assert not set(sinks.values()) & set(before.values())


async def test_nobody_sees_half_a_change(diary: Diary, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = asyncio.Event()

    class SlowSink(DiarySink):
        async def __aenter__(self) -> SlowSink:
            await go_on.wait()
            await super().__aenter__()
            return self

    async with OpenSinks(book(desk="https://a.example", lead="https://b.example")) as sinks:
        before = dict(sinks)
        monkeypatch.setattr(open_sinks, "make_sink", lambda kind, settings: SlowSink(diary, "slow"))
        changing = asyncio.create_task(sinks.change(book(new="https://c.example", desk="https://d.example")))
        await asyncio.sleep(0.01)
        assert dict(sinks) == before
        go_on.set()
        await changing
        assert sorted(sinks) == ["desk", "new"]


async def test_of_those_made_while_running_one_that_does_not_open_is_left_out_alone(
    diary: Diary, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make(kind: str, settings: object) -> DiarySink:
        if getattr(settings, "url", "") == "https://bad.example":
            raise SinkMisconfigured(kind, "url", "bad")
        return diary.make(kind, settings)

    monkeypatch.setattr(open_sinks, "make_sink", make)
    async with OpenSinks(book(desk="https://a.example")) as sinks:
        await sinks.change(
            book(desk="https://a.example", hook="https://b.example", bad="https://bad.example"),
            {"hook": "acme", "bad": "acme"},
        )
        assert sorted(sinks) == ["desk", "hook"]
        await sinks.change(book(desk="https://a.example", hook="https://bad.example"), {"hook": "acme"})
        assert sorted(sinks) == ["desk"], "what was changed to one that cannot be is not sent to the one before"
        with pytest.raises(SinkMisconfigured):
            await sinks.change(book(desk="https://bad.example"), {"hook": "acme"})
        assert sorted(sinks) == ["desk"]


async def test_what_was_meant_for_another_tenant_is_sent_to_nobody(diary: Diary) -> None:
    """The name was free again, and somebody else has taken it."""
    diary.answer.set()
    file = book(desk="https://a.example")
    made = book(desk="https://a.example", hook="https://eve.example")
    old = replace(ATTEMPT, endpoint="hook", attempt=7)
    async with OpenSinks(file) as sinks:
        await sinks.change(made, {"hook": "eve"})
        assert await sinks["hook"].deliver(old) == Rejected(reason=Reason.OTHER_TENANT)
        assert [one for one in diary.said if one.startswith("delivered")] == []
        outcome = await make_attempt(old, sinks)
        assert (outcome.outcome, outcome.reason) == (Outcome.REJECTED, "other_tenant")
        assert await sinks["hook"].deliver(replace(old, tenant="eve")) == Delivered()
        assert await sinks["desk"].deliver(ATTEMPT) == Delivered(), "the file's are of every tenant"


async def test_the_same_address_in_other_hands_is_another_sink(diary: Diary) -> None:
    diary.answer.set()
    made = book(desk="https://a.example", hook="https://b.example")
    async with OpenSinks(book(desk="https://a.example")) as sinks:
        await sinks.change(made, {"hook": "acme"})
        await sinks.change(made, {"hook": "eve"})
        again = replace(ATTEMPT, endpoint="hook", attempt=2)
        assert await sinks["hook"].deliver(again) == Rejected(reason=Reason.OTHER_TENANT)


async def test_what_is_for_the_file_that_has_just_taken_a_name_waits_until_the_file_is_read(diary: Diary) -> None:
    """A worker reads it sooner than the dispatcher: what it routes then is of every tenant, and sent to nobody yet."""
    diary.answer.set()
    attempt = replace(ATTEMPT, endpoint="hook", attempt=1)
    async with OpenSinks(book(desk="https://a.example")) as sinks:
        await sinks.change(book(desk="https://a.example", hook="https://eve.example"), {"hook": "eve"})
        outcome = await make_attempt(attempt, sinks)
        assert (outcome.outcome, outcome.reason) == (Outcome.RETRY_LATER, "other_tenant")
        assert [one for one in diary.said if one.startswith("delivered")] == []
        await sinks.change(book(desk="https://a.example", hook="https://file.example"), {})
        assert await sinks["hook"].deliver(replace(attempt, attempt=2)) == Delivered()


async def test_what_is_made_while_the_first_sinks_open_gets_its_sink(
    diary: Diary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "LOOK_EVERY", 0)
    bus = Bus()
    await bus.first.make(a_wish("first"), "acme", "ann")
    rules = live(bus)
    async with OpenSinks(rules.book) as sinks:
        await bus.first.make(a_wish("second"), "acme", "ann")
        rules.book  # noqa: B018 - as when a probe asks for the notes
        following = asyncio.create_task(dispatch._follow(rules, sinks))
        for _ in range(100):
            await asyncio.sleep(0)
        following.cancel()
        assert sorted(sinks) == ["first", "second", "unrouted"]
