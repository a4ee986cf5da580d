"""Subscriptions written by two at the same time, over one log that each reads as late as may be."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
from msgspec.structs import replace

from tocsin.connectors.commands import SubscriptionRefusal, SubscriptionRefused
from tocsin.connectors.sealing import SealKeys
from tocsin.connectors.sinks.webhook import WebhookConfig
from tocsin.connectors.sinks.webhook.proxy import Proxy
from tocsin.schemas.codec import decode, encode
from tocsin.schemas.events import SubscriptionSet
from tocsin.streams.rules.config import Endpoint, RuleBook, default_rulebook
from tocsin.streams.silences.settings_topic import SettingsTopic
from tocsin.streams.silences.subscriptions import TENANT_SUBSCRIPTIONS, Subscriptions
from tocsin.streams.subscriptions.endpoints import OVERLAP, endpoint_of
from tocsin.streams.subscriptions.live_rules import LiveRules
from tocsin.streams.subscriptions.wish import Wish, read_wish
from tocsin.streams.subscriptions.writing import SubscriptionWriter

KEYS = SealKeys([bytes(range(32))])
OWN = "whsec_" + "Y" * 43 + "="


class Clock:
    now = 1_800_000_000_000_000

    def __call__(self) -> int:
        return self.now


class Reader:
    """What a process knows of the log: no more than it has read back after a write of its own."""

    def __init__(self, log: list[bytes]) -> None:
        self.log, self.subscriptions, self._read = log, Subscriptions(), 0

    def read(self) -> None:
        for record in self.log[self._read :]:
            event = decode(record)
            assert isinstance(event, SubscriptionSet)
            self.subscriptions.learn(event)
        self._read = len(self.log)

    async def put_subscription(self, event: SubscriptionSet) -> bool:
        await asyncio.sleep(0)  # whoever else writes has looked by now
        self.log.append(encode(event))
        self.read()
        held = self.subscriptions.last(event.endpoint)
        return held is not None and held.event_id == event.event_id


class Bus:
    def __init__(self, file_names: tuple[str, ...] = (), keys: SealKeys | None = KEYS) -> None:
        self.log: list[bytes] = []
        self.clock = Clock()
        self.readers = [Reader(self.log), Reader(self.log)]
        self.first, self.second = [
            SubscriptionWriter(cast(SettingsTopic, one), keys, lambda: file_names, self.clock) for one in self.readers
        ]

    def read(self) -> None:
        for one in self.readers:
            one.read()


def a_wish(name: str = "hook", **more: Any) -> Wish:
    return read_wish({"name": name, "url": "https://hooks.example.com/in/canary-path", **more})


async def test_of_two_who_make_the_same_name_one_has_it_and_the_other_is_told() -> None:
    bus = Bus()
    made, refused = await asyncio.gather(
        bus.first.make(a_wish(), "acme", "ann"), bus.second.make(a_wish(), "other", "bob"), return_exceptions=True
    )
    assert not isinstance(made, BaseException)
    assert isinstance(refused, SubscriptionRefused)
    assert refused.kind is SubscriptionRefusal.TAKEN
    bus.read()
    assert [one.subscriptions.find("hook") for one in bus.readers] == [made.event, made.event]


async def test_two_who_rotate_and_change_at_once_both_have_their_way() -> None:
    bus = Bus()
    first = await bus.first.make(a_wish(), "acme", "ann")
    bus.read()
    rotated, changed = await asyncio.gather(
        bus.first.rotate("hook", "acme", "ann"),
        bus.second.replace(a_wish(match={"code": "e.p"}), "acme", "bob"),
    )
    bus.read()
    held = bus.readers[0].subscriptions.find("hook")
    assert held == bus.readers[1].subscriptions.find("hook") == changed.event
    assert held is not None
    signing = [one.text for one in bus.first.unsealed(held).signing(bus.clock.now)]
    assert signing == [rotated.secret, first.secret], "the change kept what the rotation had made"


async def test_two_who_put_what_is_not_there_yet_both_have_their_way() -> None:
    bus = Bus()
    one, two = await asyncio.gather(
        bus.first.replace(a_wish(match={"code": "e.p"}), "acme", "ann"),
        bus.second.replace(a_wish(match={"code": "e.m"}), "acme", "bob"),
    )
    bus.read()
    assert (one.created, two.created) == (True, False)
    assert bus.readers[0].subscriptions.find("hook") == two.event
    assert bus.first.unsealed(two.event).secrets[0].text == one.secret


@pytest.mark.parametrize("at_once", range(2, 6))
async def test_many_at_once_end_in_one_state(at_once: int) -> None:
    bus = Bus()
    await bus.first.make(a_wish(), "acme", "ann")
    bus.read()
    writers = [bus.first, bus.second] * at_once
    done = await asyncio.gather(*(one.rotate("hook", "acme", "x") for one in writers), return_exceptions=True)
    bus.read()
    held = bus.readers[0].subscriptions.find("hook")
    assert held is not None
    assert held == bus.readers[1].subscriptions.find("hook")
    shown = [one.secret for one in done if not isinstance(one, BaseException)]
    refused = [one for one in done if isinstance(one, BaseException)]
    assert all(isinstance(one, SubscriptionRefused) and one.kind is SubscriptionRefusal.CHANGED for one in refused)
    assert bus.first.unsealed(held).secrets[0].text == shown[-1] or bus.first.unsealed(held).secrets[0].text in shown


@pytest.mark.parametrize(
    ("kind", "act"),
    [
        (SubscriptionRefusal.TAKEN, lambda bus: bus.first.make(a_wish("unrouted"), "acme", "ann")),
        (SubscriptionRefusal.TAKEN, lambda bus: bus.first.make(a_wish("mine"), "other", "eve")),
        (SubscriptionRefusal.TAKEN, lambda bus: bus.first.make(a_wish("mine"), "acme", "ann")),
        (SubscriptionRefusal.TAKEN, lambda bus: bus.first.replace(a_wish("mine"), "other", "eve")),
        (SubscriptionRefusal.NOT_FOUND, lambda bus: bus.first.rotate("mine", "other", "eve")),
        (SubscriptionRefusal.NOT_FOUND, lambda bus: bus.first.end("mine", "other", "eve")),
        (SubscriptionRefusal.NOT_FOUND, lambda bus: bus.first.end("nothing", "acme", "ann")),
    ],
)
async def test_what_is_refused_writes_nothing(kind: SubscriptionRefusal, act: Any) -> None:
    bus = Bus(file_names=("unrouted",))
    await bus.first.make(a_wish("mine"), "acme", "ann")
    with pytest.raises(SubscriptionRefused) as refused:
        await act(bus)
    assert (refused.value.kind, len(bus.log)) == (kind, 1)


async def test_without_a_key_nothing_is_made_and_the_next_step_is_said() -> None:
    bus = Bus(keys=None)
    with pytest.raises(SubscriptionRefused, match="TOCSIN_SEAL_KEY"):
        await bus.first.make(a_wish(), "acme", "ann")
    assert bus.log == []


async def test_a_tenant_has_so_many_and_another_its_own() -> None:
    bus = Bus()
    for number in range(TENANT_SUBSCRIPTIONS):
        await bus.first.make(a_wish(f"h{number}"), "acme", "ann")
    with pytest.raises(SubscriptionRefused, match="at most"):
        await bus.first.make(a_wish("more"), "acme", "ann")
    await bus.first.make(a_wish("theirs"), "other", "bob")
    await bus.first.end("h0", "acme", "ann")
    await bus.first.make(a_wish("more"), "acme", "ann")


async def test_the_same_key_again_is_the_same_subscription_and_the_same_secret() -> None:
    bus = Bus()
    first = await bus.first.make(a_wish(), "acme", "ann", "id-1")
    again = await bus.first.make(a_wish(), "acme", "ann", "id-1")
    assert (again, len(bus.log)) == (first, 1)
    rotated = await bus.first.rotate("hook", "acme", "ann", event_id="id-2")
    assert (await bus.first.rotate("hook", "acme", "ann", event_id="id-2")).secret == rotated.secret
    assert len(bus.log) == 2


async def test_an_end_is_an_end_and_the_name_is_free_again() -> None:
    bus = Bus()
    first = await bus.first.make(a_wish(), "acme", "ann")
    assert await bus.first.end("hook", "acme", "ann") is True
    assert await bus.first.end("hook", "acme", "ann") is False
    second = await bus.first.make(a_wish(), "other", "bob")
    assert second.secret != first.secret
    assert second.event.subscription != first.event.subscription


async def test_no_record_shows_a_secret_a_path_or_a_header() -> None:
    bus = Bus()
    await bus.first.make(a_wish(secret=OWN, headers={"authorization": "Bearer canary-header"}), "acme", "ann")
    made = await bus.first.rotate("hook", "acme", "ann")
    assert made.secret is not None
    for record in bus.log:
        for canary in (OWN, made.secret, "canary-path", "canary-header", "hooks.example.com"):
            assert canary.encode() not in record


def live(bus: Bus, keys: SealKeys | None = KEYS, book: RuleBook | None = None, *, sealed: bool = False) -> LiveRules:
    class File:
        def __init__(self) -> None:
            self.book = book or default_rulebook()

    return LiveRules(File(), bus.readers[0].subscriptions, keys, sealed=sealed, now=bus.clock)


async def test_a_rotated_secret_signs_beside_the_new_one_for_a_day() -> None:
    bus = Bus()
    first = await bus.first.make(a_wish(), "acme", "ann")
    rules = live(bus)
    before = rules.book
    assert rules.book is before, "nothing is made anew without a change"
    second = await bus.first.rotate("hook", "acme", "ann")

    def signing() -> list[str]:
        return list(getattr(rules.book.endpoints["hook"].settings, "secrets", ()))

    assert signing() == [second.secret, first.secret]
    bus.clock.now += OVERLAP - 1
    assert signing() == [second.secret, first.secret]
    bus.clock.now += 1
    assert signing() == [second.secret]


async def test_the_live_book_is_the_file_and_what_was_made() -> None:
    bus = Bus()
    await bus.first.make(a_wish(match={"code": ["e.p.xfer"]}), "acme", "ann")
    rules = live(bus)
    assert set(rules.book.endpoints) == {"unrouted", "hook"}
    assert [(one.name, one.tenant) for one in rules.wanted()] == [("hook", "acme")]
    await bus.first.end("hook", "acme", "ann")
    assert (set(rules.book.endpoints), rules.wanted()) == ({"unrouted"}, ())


async def test_a_worker_needs_no_key_and_sees_no_setting() -> None:
    bus = Bus()
    await bus.first.make(a_wish(), "acme", "ann")
    rules = live(bus, None, sealed=True)
    assert "canary" not in str(getattr(rules.book.endpoints["hook"].settings, "url", ""))
    assert rules.note() is None


async def test_without_the_key_only_what_is_sealed_with_it_is_left_out() -> None:
    bus = Bus()
    await bus.first.make(a_wish(), "acme", "ann")
    for keys, why in ((None, "TOCSIN_SEAL_KEY is not set"), (SealKeys([bytes(32)]), "not among those")):
        rules = live(bus, keys)
        assert set(rules.book.endpoints) == {"unrouted"}
        assert rules.wanted() == ()
        assert why in str(rules.note())


async def test_the_file_comes_first() -> None:
    bus = Bus()
    await bus.first.make(a_wish("desk"), "acme", "ann")
    desk = Endpoint(name="desk", sink="memory")
    rules = live(bus, book=RuleBook(endpoints={"desk": desk}, default_endpoint="desk"))
    assert (rules.book.endpoints, rules.wanted()) == ({"desk": desk}, ())
    assert "comes first" in str(rules.note())


async def test_what_was_sealed_for_one_does_not_open_for_another() -> None:
    bus = Bus()
    made = await bus.first.make(a_wish(), "acme", "ann")
    stolen = decode(encode(made.event))
    assert isinstance(stolen, SubscriptionSet)
    for stranger in ({"tenant": "eve"}, {"endpoint": "other"}):
        fields = {name: getattr(stolen, name) for name in stolen.__struct_fields__}
        with pytest.raises(SubscriptionRefused, match="changed, or is about something else"):
            bus.first.unsealed(SubscriptionSet(**{**fields, **stranger}))
    assert endpoint_of(stolen).name == "hook"


async def test_a_subscription_goes_through_the_proxy_of_the_file() -> None:
    bus = Bus()
    await bus.first.make(a_wish(), "acme", "ann")
    proxy = Proxy(url="http://proxy.example:4750")

    class File:
        book = replace(default_rulebook(), proxy=proxy)

    live = LiveRules(File(), bus.readers[0].subscriptions, KEYS, now=bus.clock)
    settings = live.book.endpoints["hook"].settings
    assert isinstance(settings, WebhookConfig)
    assert settings.proxy == proxy


async def test_rules_that_are_looked_at_and_refused_change_nothing() -> None:
    bus = Bus()
    await bus.first.make(a_wish("desk"), "acme", "ann")
    rules = live(bus)
    before = (rules.whole, rules.wanted(), rules.note())
    desk = Endpoint(name="desk", sink="memory")
    would = rules.with_file(RuleBook(endpoints={"desk": desk}, default_endpoint="desk"))
    assert (would.made, list(would.left_out)) == ({}, ["desk"])
    assert (rules.whole, rules.wanted(), rules.note()) == before
    assert rules.whole.made == {"desk": "acme"}
