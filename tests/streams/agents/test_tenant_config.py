"""What a tenant's problems are compared with: its own silences and everybody's, and no others."""

from __future__ import annotations

import msgspec

from tocsin.streams.agents.tenant_config import TenantConfig
from tocsin.streams.rules.config import DecideConfig, Silence, Subscription, default_rulebook
from tocsin.streams.rules.match import Match


def a_silence(name: str, tenant: str | None) -> Silence:
    return Silence(name=name, match=Match.of(code=("e.p",)), since=0, until=1, tenant=tenant)


def names(config: DecideConfig) -> list[str]:
    return [one.name for one in config.silences]


def test_each_tenant_is_given_its_own_and_everybodys_in_their_order() -> None:
    silences = (a_silence("1", "a"), a_silence("2", "b"), a_silence("3", None), a_silence("4", "a"))
    config = DecideConfig(book=default_rulebook(), silences=silences)
    of = TenantConfig(lambda: config)
    assert names(of("a")) == ["1", "3", "4"]
    assert names(of("b")) == ["2", "3"]
    assert names(of("c")) == ["3"]
    assert of(None) is config, "whose it is is not known"
    assert of("a") is of("a"), "nothing is made anew for each event"
    assert (of("a").book, of("a").dedupe_window) == (config.book, config.dedupe_window)


def test_a_changed_configuration_holds_at_once() -> None:
    now = [DecideConfig(book=default_rulebook())]
    of = TenantConfig(lambda: now[0])
    assert of("a") is now[0], "without silences there is nothing to share out"
    now[0] = msgspec.structs.replace(now[0], silences=(a_silence("1", "a"),))
    assert (names(of("a")), names(of("b"))) == (["1"], [])
    now[0] = msgspec.structs.replace(now[0], silences=(a_silence("2", "b"),))
    assert (names(of("a")), names(of("b"))) == ([], ["2"])


def test_each_tenant_is_given_its_own_subscriptions_alone() -> None:
    everything = Match()
    mine = [Subscription(name=name, tenant=tenant, match=everything) for name, tenant in (("1", "a"), ("2", "b"))]
    config = DecideConfig(book=default_rulebook(), subscriptions=tuple(mine), silences=(a_silence("s", None),))
    of = TenantConfig(lambda: config)
    found = {tenant: ([one.name for one in of(tenant).subscriptions], names(of(tenant))) for tenant in ("a", "b", "c")}
    assert found == {"a": (["1"], ["s"]), "b": (["2"], ["s"]), "c": ([], ["s"])}
