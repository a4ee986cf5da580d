"""Which endpoints a tenant is shown, and what of them: over a real rules file and real subscriptions; only the rows of
`deliver` are made up."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from tests.streams.subscriptions.test_writing import KEYS, Bus, a_wish
from tocsin.streams.ask.endpoint_facts import EndpointFacts, Standings
from tocsin.streams.processes.endpoint_states import EndpointStates
from tocsin.streams.processes.endpoint_views import NOT_READ, EndpointViews
from tocsin.streams.processes.rules_read import RulesAsRead
from tocsin.streams.rules.state import EndpointRow, PeerEndpointRow
from tocsin.streams.settings import Settings

RULES = """
endpoints:
  owner: {sink: webhook, url: "https://hooks.example.com/services/canary-path?key=canary", secret: whsec_%(secret)s}
  chat: {sink: notify, url: "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#canary"}
  pager: {sink: log}
  of-globex: {sink: log}
  of-globex-too: {sink: log}
  unused: {sink: log}
default_route: {endpoint: owner}
escalations: {night: {steps: [{wait: 1m, endpoints: [pager]}]}}
routes:
  - {name: theirs, match: {tenant: [globex]}, endpoints: [of-globex]}
  - {name: said, match: {expr: 'tenant == "globex"'}, endpoints: [of-globex-too]}
  - {name: all, endpoints: [chat], escalate: night}
""" % {"secret": "A" * 43 + "="}  # noqa: UP031 - braces are YAML's here


class States:
    """An EndpointStates with these rows."""

    def __init__(self, rows: list[EndpointRow] | None) -> None:
        self.rows = rows

    async def all_rows(self) -> list[EndpointRow] | None:
        return self.rows


ROWS: list[EndpointRow] = [
    EndpointRow("owner", "enabled", 1, waiting=7, failures=4, failing_since=5, last_error="server_error (500)",
                breaker="open"),
    EndpointRow("mine", "disabled", 9, waiting=3),
    EndpointRow("hidden", "disabled", 9, waiting=3),
    EndpointRow("former", "removed", 9),
    PeerEndpointRow("of-globex", "enabled", 1, failures=5, breaker="open", peer="did:example:bob"),
    PeerEndpointRow("chat", "enabled", 1, failures=5, breaker="half_open", peer="did:example:bob"),
]  # fmt: skip


@pytest.fixture
async def views(tmp_path: Path) -> EndpointViews:
    return await _views(tmp_path, ROWS)


async def _views(folder: Path, rows: list[EndpointRow] | None, rules: str = RULES) -> EndpointViews:
    file = folder / "rules.yaml"
    file.write_text(rules)
    bus = Bus()
    await bus.first.make(a_wish("mine"), "acme", "ann")
    await bus.first.make(a_wish("hidden"), "globex", "bob")
    states = cast(EndpointStates, States(rows))
    return EndpointViews(RulesAsRead(Settings(rules=file)), bus.readers[0].subscriptions, states, KEYS)


def _by_name(standings: Standings) -> dict[str, EndpointFacts]:
    return {one.name: one for one in standings.endpoints}


async def test_a_tenant_sees_what_it_may_be_told_by_and_its_own(views: EndpointViews) -> None:
    seen = _by_name(await views.every("acme", everything=False, told=[]))
    assert set(seen) == {"owner", "chat", "pager", "mine"}
    theirs = _by_name(await views.every("globex", everything=False, told=["of-globex-too"]))
    assert set(theirs) == {"owner", "chat", "pager", "of-globex", "of-globex-too", "hidden"}


async def test_of_what_all_share_a_tenant_is_not_told_what_waits_there(views: EndpointViews) -> None:
    seen = _by_name(await views.every("acme", everything=False, told=[]))
    assert (seen["owner"].state, seen["owner"].breaker, seen["owner"].held_by) == ("failing", "open", "breaker")
    assert (seen["owner"].parked, seen["owner"].last_error, seen["owner"].failures) == (None, None, None)
    assert (seen["mine"].state, seen["mine"].parked, seen["mine"].origin) == ("disabled", 3, "running")


async def test_who_may_see_every_tenant_sees_all_of_the_file(views: EndpointViews) -> None:
    seen = _by_name(await views.every("acme", everything=True, told=[]))
    assert set(seen) == {"owner", "chat", "pager", "of-globex", "of-globex-too", "unused", "mine", "former"}
    assert (seen["owner"].parked, seen["owner"].last_error) == (7, "server_error (500)")
    assert (seen["former"].origin, seen["former"].state) == ("gone", "removed")
    assert seen["chat"].peers_held_back == 1


async def test_where_to_says_nothing_that_may_be_secret(views: EndpointViews) -> None:
    shown = await views.every("acme", everything=True, told=[])
    seen = _by_name(shown)
    assert (seen["owner"].to, seen["chat"].to) == ("https://hooks.example.com/...", "slack://...")
    assert (seen["mine"].to, seen["pager"].to) == ("https://hooks.example.com/...", None)
    assert not [secret for secret in ("canary", "T1JJ3T3L2", "whsec") if secret in repr(shown)]


async def test_what_is_held_back_from_a_peer(views: EndpointViews) -> None:
    (held,) = await views.of_peer("did:example:bob", "acme", everything=False) or []
    assert (held.endpoint, held.breaker, held.held_by, held.failures) == ("chat", "half-open", "breaker", 5)
    assert await views.of_peer("did:example:other", "acme", everything=False) == []
    for tenant, everything in (("acme", True), ("globex", False)):
        assert len(await views.of_peer("did:example:bob", tenant, everything=everything) or []) == 2


async def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    views = await _views(tmp_path, None)
    shown = await views.every("acme", everything=False, told=[])
    assert shown.notes == [NOT_READ]
    assert {one.state for one in shown.endpoints} == {"unknown"}
    assert await views.of_peer("did:example:bob", "acme", everything=True) is None


async def test_a_rules_file_that_cannot_be_used_is_said_and_what_was_made_is_shown(tmp_path: Path) -> None:
    views = await _views(tmp_path, ROWS, "endpoints: [")
    shown = await views.every("acme", everything=False, told=[])
    assert "rules check" in shown.notes[0]
    assert "mine" in _by_name(shown)
