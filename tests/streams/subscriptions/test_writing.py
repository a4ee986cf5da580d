"""Subscriptions written by two at the same time, over one log that each reads as late as may be."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
from msgspec.structs import replace

from tocsin.connectors.commands import SubscriptionRefusal, SubscriptionRefused
from tocsin.connectors.egress.proxy import Proxy
from tocsin.connectors.sealing import SealKeys
from tocsin.connectors.sinks.webhook import WebhookConfig
from tocsin.connectors.webhooks import for_receivers
from tocsin.schemas.codec import decode, encode
from tocsin.schemas.events import SubscriptionSet
from tocsin.streams.rules.config import Endpoint, RuleBook, default_rulebook
from tocsin.streams.silences.settings_topic import SettingsTopic
from tocsin.streams.silences.subscriptions import TENANT_SUBSCRIPTIONS, Subscriptions, key_of, place_of
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
    """What a process knows of the log (events, and the keys of tombstones): no more than it has read back after a write
    of its own, as SettingsTopic does it. `killed`: it writes, and tidies nothing."""

    def __init__(self, log: list[bytes | str]) -> None:
        self.log, self.subscriptions, self._read, self.killed = log, Subscriptions(), 0, False

    def read(self) -> None:
        for record in self.log[self._read :]:
            self._apply(record)
        self._read = len(self.log)

    def _apply(self, record: bytes | str) -> None:
        if isinstance(record, str):
            place = place_of(record)
            assert place is not None
            self.subscriptions.forget(*place)
        else:
            event = decode(record)
            assert isinstance(event, SubscriptionSet)
            self.subscriptions.learn(event)

    async def put_subscription(self, event: SubscriptionSet) -> bool:
        await asyncio.sleep(0)  # whoever else writes has looked by now
        self.log.append(encode(event))
        self.read()
        held = self.subscriptions.last(event.endpoint)
        holds = held is not None and held.event_id == event.event_id
        if not self.killed:
            self.log += self.subscriptions.void(event.endpoint) if holds else [key_of(event)]
        return holds


class Bus:
    def __init__(self, file_names: tuple[str, ...] = (), keys: SealKeys | None = KEYS) -> None:
        self.log: list[bytes | str] = []
        self.clock = Clock()
        self.readers = [Reader(self.log), Reader(self.log)]
        self.first, self.second = [
            SubscriptionWriter(cast(SettingsTopic, one), keys, lambda: file_names, self.clock) for one in self.readers
        ]

    def events(self) -> list[bytes]:
        return [record for record in self.log if isinstance(record, bytes)]

    def read(self) -> None:
        for one in self.readers:
            one.read()

    def anew(self) -> Subscriptions:
        """What a process knows that starts now, from what compaction may have left: the last record of each key."""
        last: dict[str, bytes] = {}
        for record in self.log:
            if isinstance(record, str):
                last.pop(record, None)
            else:
                event = decode(record)
                assert isinstance(event, SubscriptionSet)
                last.pop(key_of(event), None)
                last[key_of(event)] = record
        reader = Reader([*last.values()])
        reader.read()
        return reader.subscriptions


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
    assert (refused.value.kind, len(bus.events())) == (kind, 1)


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
    assert (again, len(bus.events())) == (first, 1)
    rotated = await bus.first.rotate("hook", "acme", "ann", key="id-2")
    assert (await bus.first.rotate("hook", "acme", "ann", key="id-2")).secret == rotated.secret
    assert len(bus.events()) == 2


async def test_the_same_key_at_two_gateways_is_one_subscription_and_one_secret() -> None:
    bus = Bus()
    one, two = await asyncio.gather(
        bus.first.make(a_wish(), "acme", "ann", "id-1"), bus.second.make(a_wish(), "acme", "ann", "id-1")
    )
    bus.read()
    assert one == two
    for known in (*(reader.subscriptions for reader in bus.readers), bus.anew()):
        held = known.find("hook")
        assert held is not None
        assert bus.first.unsealed(held).secrets[0].text == one.secret


@pytest.mark.parametrize("ed25519", [False, True])
async def test_the_same_key_of_a_rotation_at_two_gateways_makes_one_secret(ed25519: bool) -> None:
    bus = Bus()
    first = await bus.first.make(a_wish(), "acme", "ann")
    bus.read()
    one, two = await asyncio.gather(
        *(each.rotate("hook", "acme", "ann", ed25519=ed25519, key="id-2") for each in (bus.first, bus.second))
    )
    bus.read()
    assert one == two
    held = bus.anew().find("hook")
    assert held is not None
    assert [for_receivers(secret.text) for secret in bus.first.unsealed(held).secrets] == [one.secret, first.secret]


@pytest.mark.parametrize("killed", [False, True])
async def test_a_rotation_that_is_repeated_after_another_change_is_the_same_and_ends_nothing(killed: bool) -> None:
    bus = Bus()
    await bus.first.make(a_wish(), "acme", "ann")
    bus.readers[0].killed = killed
    rotated = await bus.first.rotate("hook", "acme", "ann", key="id-2")
    changed = await bus.first.replace(a_wish(match={"code": "e.p"}), "acme", "ann")
    bus.readers[0].killed = False
    again = await bus.first.rotate("hook", "acme", "ann", key="id-2")
    assert (again.secret, again.event) == (rotated.secret, changed.event)
    later = await bus.first.rotate("hook", "acme", "ann", key="id-3")
    assert (await bus.first.rotate("hook", "acme", "ann", key="id-2")).secret == rotated.secret
    bus.read()
    for known in (*(reader.subscriptions for reader in bus.readers), bus.anew()):
        assert known.find("hook") == later.event


async def test_no_write_repeats_the_id_of_another_one() -> None:
    """An answer to an older command would be taken for that of this one, and a tombstone would take what holds."""
    bus = Bus()
    for _ in range(3):
        await bus.first.make(a_wish(), "acme", "ann", "id-1")
        bus.read()
        await asyncio.gather(bus.first.end("hook", "acme", "ann"), bus.second.end("hook", "acme", "ann"))
        bus.read()
    ids = [decode(record).event_id for record in bus.events()]
    assert len(ids) == 9
    assert len(set(ids)) == len(ids)


async def test_a_key_is_of_its_tenant_and_of_what_still_signs() -> None:
    bus = Bus()
    await bus.first.make(a_wish(), "acme", "ann", "id-1")
    with pytest.raises(SubscriptionRefused, match="taken"):
        await bus.first.make(a_wish(), "eve", "eve", "id-1")


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
    for record in bus.events():
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
