"""What a gateway knows of endpoints: the rules file, what was made while the bus runs, and the rows of `deliver`."""

from __future__ import annotations

from collections.abc import Sequence
from time import time_ns
from typing import Any

import msgspec
from yarl import URL

from tocsin.connectors.sealing import SealKeys
from tocsin.schemas.events import SubscriptionSet
from tocsin.streams.ask.endpoint_facts import GONE, OF_FILE, RUNNING, EndpointFacts, PeerHeld, Standings
from tocsin.streams.processes.endpoint_standing import Standing, standings_of
from tocsin.streams.processes.endpoint_states import EndpointStates
from tocsin.streams.processes.rules_read import RulesAsRead, RulesUnreadable
from tocsin.streams.rules.config import Endpoint
from tocsin.streams.rules.delivery.gate import held_by
from tocsin.streams.rules.reach import endpoints_within_reach
from tocsin.streams.rules.state import PeerEndpointRow
from tocsin.streams.silences.subscriptions import Subscriptions
from tocsin.streams.subscriptions.endpoints import SubscriptionUnusable, endpoint_of, shown_settings, unseal

NOT_READ = "How endpoints stand could not be read from Kafka in time: their states are unknown."
OF_ALL = frozenset({"parked", "failures", "last_error", "peers_held_back"})
"""What a row of an endpoint says of whatever waits for it, whosever that is."""


class EndpointViews:
    """A `StandingPort` over an open EndpointStates."""

    def __init__(
        self, rules: RulesAsRead, subscriptions: Subscriptions, states: EndpointStates, keys: SealKeys | None
    ) -> None:
        self._rules, self._subscriptions, self._states, self._keys = rules, subscriptions, states, keys

    async def every(self, tenant: str, *, everything: bool, told: Sequence[str]) -> Standings:
        """The endpoints that a tenant may see."""
        notes: list[str] = []
        try:
            note = await self._rules.look()
            notes += [] if note is None else [note]
        except RulesUnreadable as unreadable:
            notes.append(str(unreadable))
        book, rows = self._rules.book, await self._states.all_rows()
        notes += [NOT_READ] if rows is None else []
        made = {one.endpoint: one for one in self._subscriptions.current() if one.endpoint not in book.endpoints}
        mine = {name: one for name, one in made.items() if one.tenant == tenant}
        of_file = {
            name: one
            for name, one in book.endpoints.items()
            if everything or name in told or name in endpoints_within_reach(book, tenant)
        }
        standings = standings_of(
            of_file, rows or (), time_ns() // 1000, {name: (one.tenant, _endpoint(one)) for name, one in mine.items()}
        )
        shown = [
            self._facts(one, of_file.get(one.endpoint), mine.get(one.endpoint), everything, rows is not None)
            for one in standings
            if one.endpoint in of_file or one.endpoint in mine or (everything and one.endpoint not in made)
        ]
        return Standings(endpoints=shown, notes=notes)

    async def of_peer(self, peer: str, tenant: str, *, everything: bool) -> list[PeerHeld] | None:
        """What is held back from a peer by the endpoints that a tenant may see."""
        rows, now = await self._states.all_rows(), time_ns() // 1000
        try:
            await self._rules.look()
        except RulesUnreadable:
            return None
        if rows is None:
            return None
        seen = endpoints_within_reach(self._rules.book, tenant)
        return [
            PeerHeld(
                endpoint=row.endpoint, breaker=row.breaker.replace("_", "-"), held_by=held_by(row, now),
                failures=row.failures,
            )
            for row in rows
            if isinstance(row, PeerEndpointRow) and row.peer == peer and (everything or row.endpoint in seen)
        ]  # fmt: skip

    def _facts(
        self, one: Standing, of_file: Endpoint | None, made: SubscriptionSet | None, everything: bool, read: bool
    ) -> EndpointFacts:
        endpoint = of_file or (None if made is None else _endpoint(made))
        standing: dict[str, Any] = {
            name: getattr(one, name) for name in ("since", "breaker", "held_by", "throttled_until", *OF_ALL)
        }
        facts = EndpointFacts(
            name=one.endpoint,
            origin=OF_FILE if of_file is not None else RUNNING if made is not None else GONE,
            sink=None if endpoint is None else endpoint.sink,
            to=None if endpoint is None else self._to(endpoint, made),
            audience=None if endpoint is None else endpoint.audience,
            body=None if endpoint is None else endpoint.body,
        )
        if not read:
            return facts
        hidden = () if everything or made is not None else OF_ALL
        told = {name: value for name, value in standing.items() if name not in hidden}
        unproven = one.state in ("enabled", "failing") and (one.last_error or "").startswith("unverified")
        return msgspec.structs.replace(facts, state="unverified" if unproven else one.state, **told)

    def _to(self, endpoint: Endpoint, made: SubscriptionSet | None) -> str | None:
        if made is None:
            return where_to(endpoint)
        if self._keys is None:
            return None
        try:
            return str(shown_settings(unseal(made, self._keys))["url"])
        except SubscriptionUnusable:
            return None


def where_to(endpoint: Endpoint) -> str | None:
    """Whom an endpoint of the file tells, without what may be secret: of a URL of the web its origin, of one of Apprise
    its kind alone, since its host may be a token."""
    if endpoint.recipient is not None:
        recipient = endpoint.recipient
        side = "the other side of each connection"
        return recipient.did or (f"connection {recipient.connection}" if recipient.connection else side)
    url = getattr(endpoint.settings, "url", None)
    if not isinstance(url, str) or not url:
        return None
    if endpoint.sink != "webhook":
        return f"{url.partition('://')[0]}://..." if "://" in url else None
    try:
        parsed = URL(url)
        return str(parsed.origin()) + ("/..." if parsed.raw_path_qs not in ("", "/") else "")
    except ValueError:
        return None


def _endpoint(event: SubscriptionSet) -> Endpoint | None:
    try:
        return endpoint_of(event)
    except SubscriptionUnusable:
        return None
