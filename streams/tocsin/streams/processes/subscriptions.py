"""Subscriptions as gateway and command line make them: written, made known to `deliver`, tried, shown.

Order of the writes, so that a kill between two of them leaves nothing that is told as done. Ended: first the command
that gives the endpoint up, then the event; so whoever makes the name anew, and must know its end for that, enables it
after that. Made anew: first the command that enables it, then the event, for a repeat without a key finds the event and
nothing to do; then the command again, whose answer says that the rules know it. Repeated, each goes on where it was cut
off, and a PUT enables what a DELETE has given up and not ended. None of them touches an endpoint of the rules file.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Mapping
from functools import wraps
from time import monotonic, time_ns
from typing import Any, ParamSpec, TypeVar

import msgspec
from aiokafka.errors import KafkaError

from tocsin.connectors.commands import Made, SubscriptionRefusal, SubscriptionRefused
from tocsin.connectors.kafka import open_producer
from tocsin.connectors.publish import PublishUnconfirmed, cloud_event_headers
from tocsin.connectors.publish.headers import rfc3339
from tocsin.connectors.sealing import SealKeys
from tocsin.connectors.webhooks.keys import version_of
from tocsin.schemas.codec import encode
from tocsin.schemas.events import CommandOutcome, EndpointCommand, EndpointCommandKind, SubscriptionSet
from tocsin.schemas.ids import derived_id, new_event_id
from tocsin.streams.engine.failpoints import failpoint_from
from tocsin.streams.processes.answers_topic import AnswersTopic
from tocsin.streams.processes.endpoint_states import EndpointStates
from tocsin.streams.processes.rules_watch import own_addresses
from tocsin.streams.rules.delivery.health import standing_of
from tocsin.streams.rules.state import EndpointRow
from tocsin.streams.rulesfile import endpoint_names
from tocsin.streams.settings import Settings
from tocsin.streams.silences.settings_topic import SettingsTopic
from tocsin.streams.subscriptions.endpoints import endpoint_of, shown_settings
from tocsin.streams.subscriptions.trying import Tried, try_endpoint
from tocsin.streams.subscriptions.wish import read_wish
from tocsin.streams.subscriptions.writing import SubscriptionWriter

ASK_AGAIN = 0.2
"""Seconds between two questions whether the rules know a new endpoint."""


P = ParamSpec("P")
R = TypeVar("R")


def _confirmed(act: Callable[P, Coroutine[Any, Any, R]]) -> Callable[P, Coroutine[Any, Any, R]]:
    """The same, raising PublishUnconfirmed when Kafka did not acknowledge one of its writes: earlier ones may stand."""

    @wraps(act)
    async def acted(*given: P.args, **named: P.kwargs) -> R:
        try:
            return await act(*given, **named)
        except KafkaError as error:
            raise PublishUnconfirmed("", f"Kafka did not acknowledge it ({type(error).__name__}): repeat it") from error

    return acted


class RunningSubscriptions:
    """What the gateway, or a command, does with subscriptions on an open SettingsTopic (a `SubscriptionPort`)."""

    def __init__(
        self,
        bootstrap: str,
        settings: Settings,
        topic: SettingsTopic,
        keys: SealKeys | None,
        answers: AnswersTopic,
        states: EndpointStates,
        failpoint: str | None = None,
    ) -> None:
        self._bootstrap, self._settings, self._topic = bootstrap, settings, topic
        self._answers, self._states = answers, states
        self._writer = SubscriptionWriter(topic, keys, lambda: endpoint_names(settings.rules))
        self._own = own_addresses(settings)
        self._failpoint: Callable[[str], None] = failpoint_from(failpoint)

    @_confirmed
    async def make(
        self, document: dict[str, Any], tenant: str, by: str, key: str | None, private: bool, within: float
    ) -> tuple[Made, bool | None]:
        """A new subscription, and whether the rules know it, if that was waited for; the same `key` again (the id of an
        idempotency key) is the same one. Raises Unreadable,
        SubscriptionRefused, PublishUnconfirmed."""
        wish = read_wish(document, own=self._own, private=private)
        await self._enable_ended(wish.name, tenant, by)
        return await self._enabled(await self._writer.make(wish, tenant, by, key), by, within)

    @_confirmed
    async def replace(
        self, name: str, document: dict[str, Any], tenant: str, by: str, private: bool, within: float
    ) -> tuple[Made, bool | None]:
        """The subscription of this name as the document says, made if it is not there. Raises as `make`."""
        wish = read_wish(document, name=name, own=self._own, private=private)
        await self._enable_ended(name, tenant, by)
        made = await self._writer.replace(wish, tenant, by)
        if made.created or await self._is_given_up(name):
            return await self._enabled(made, by, within)
        return made, None

    @_confirmed
    async def rotate(
        self, name: str, tenant: str, by: str, secret: str | None, ed25519: bool | None, key: str | None
    ) -> Made:
        """A new secret, beside which the old one signs for a day. Raises as `make`."""
        self._in_force(name, tenant)
        return await self._writer.rotate(name, tenant, by, secret, ed25519=ed25519, key=key)

    @_confirmed
    async def end(self, name: str, tenant: str, by: str) -> bool:
        """End a subscription; what waits for it is dead. False when it has ended already. Raises as `make`."""
        last = self._topic.subscriptions.last(name)
        if last is None or not last.removed or last.tenant != tenant:
            held = self._writer.of(name, tenant)
            if not self._is_of_file(name):
                await self._command(name, tenant, EndpointCommandKind.REMOVE, by, None, new_event_id(), held.event_id)
            self._failpoint("subscription_given_up")
        try:
            return await self._writer.end(name, tenant, by)
        except SubscriptionRefused as refused:
            if refused.kind is not SubscriptionRefusal.CHANGED:
                raise
            why = "what waited for it is given up, but others who change it came first, so it has not ended: repeat it"
            raise PublishUnconfirmed("", why) from refused

    @_confirmed
    async def steer(
        self, name: str, tenant: str, kind: EndpointCommandKind, by: str, why: str | None, ident: str
    ) -> None:
        """Ask `deliver` to enable or disable it; its answer comes under `ident`. Raises as `make`."""
        held = self._in_force(name, tenant)
        await self._command(name, tenant, kind, by, why, ident, held.event_id)

    async def try_one(self, name: str, tenant: str) -> Tried:
        """What came back of a signed ping. Raises SubscriptionRefused."""
        held = self._in_force(name, tenant)
        sealed = self._writer.unsealed(held)
        return await try_endpoint(endpoint_of(held, sealed.signing(time_ns() // 1000), sealed), tenant)

    async def shown(self, name: str, tenant: str) -> dict[str, Any]:
        """One of the tenant's, without its secrets. Raises SubscriptionRefused."""
        held = self._writer.of(name, tenant)
        return self._shown(held, await self._states.rows(), endpoint_names(self._settings.rules))

    async def every(self, tenant: str) -> list[dict[str, Any]]:
        """All of the tenant's, by name."""
        mine = [one for one in self._topic.subscriptions.current() if one.tenant == tenant]
        if not mine:
            return []
        rows, taken = await self._states.rows(), endpoint_names(self._settings.rules)
        return [self._shown(one, rows, taken) for one in mine]

    def _shown(
        self, held: SubscriptionSet, rows: dict[str, EndpointRow] | None, taken: Collection[str]
    ) -> dict[str, Any]:
        now, secrets = time_ns() // 1000, []
        try:
            sealed = self._writer.unsealed(held)
            settings = shown_settings(sealed)
            secrets = [
                {"until": None if one.until is None else rfc3339(one.until), "kind": version_of(one.text)}
                for one in sealed.signing(now)
            ]
        except SubscriptionRefused as refused:
            settings = {"url": None, "sealed": refused.why}
        return {
            "name": held.endpoint,
            "tenant": held.tenant,
            **settings,
            "match": msgspec.json.decode(held.match),
            **msgspec.json.decode(held.config),
            "secrets": secrets,
            **state_of(held.endpoint, rows, taken),
            "created_at": rfc3339(held.created_at or held.recorded_at),
            "changed_at": rfc3339(held.recorded_at),
            "by": held.by,
        }

    def _in_force(self, name: str, tenant: str) -> SubscriptionSet:
        """The tenant's subscription of this name, unless the rules file has taken it. Raises SubscriptionRefused."""
        held = self._writer.of(name, tenant)
        if self._is_of_file(name):
            why = f"Nothing was done: the rules file has an endpoint {name} by now, which is the operator's and first"
            raise SubscriptionRefused(
                SubscriptionRefusal.TAKEN, f"{why}. End yours (DELETE), and make it under another name."
            )
        return held

    def _is_of_file(self, name: str) -> bool:
        return name in endpoint_names(self._settings.rules)

    async def _enable_ended(self, name: str, tenant: str, by: str) -> None:
        """Before it is made anew, so that it is never there and given up."""
        last = self._topic.subscriptions.last(name)
        if last is not None and last.removed and not self._is_of_file(name):
            await self._command(name, tenant, EndpointCommandKind.ENABLE, by, None, new_event_id(), last.event_id)

    async def _is_given_up(self, name: str) -> bool:
        """Whether a DELETE has given it up, and was cut off before it ended it. Raises PublishUnconfirmed."""
        if self._is_of_file(name):
            return False
        rows = await self._states.rows()
        if rows is None:
            raise PublishUnconfirmed("", "it is written, but how the endpoint stands could not be read: repeat it")
        row = rows.get(name)
        return row is not None and row.status == "removed"

    async def _enabled(self, made: Made, by: str, within: float) -> tuple[Made, bool | None]:
        self._failpoint("subscription_written")
        held, ends = made.event, monotonic() + within
        if self._is_of_file(held.endpoint):  # by now: what was written is shadowed
            return made, False if within else None
        ident = derived_id("subscription-enabled", held.event_id)
        await self._enable(held, by, ident)
        self._failpoint("subscription_enabled")
        while within:
            answer = await self._answers.answer(ident, max(0.0, ends - monotonic()))
            if answer is None:
                return made, False
            if answer.outcome is not CommandOutcome.REFUSED:
                return made, True
            await asyncio.sleep(ASK_AGAIN)  # the rules have not read of it yet
            ident = new_event_id()
            await self._enable(held, by, ident)
        return made, None

    async def _enable(self, held: SubscriptionSet, by: str, ident: str) -> None:
        await self._command(
            held.endpoint, held.tenant, EndpointCommandKind.ENABLE, by, None, ident, held.event_id
        )  # fmt: skip

    async def _command(
        self, name: str, tenant: str, kind: EndpointCommandKind, by: str, why: str | None, ident: str, cause: str
    ) -> None:
        """`cause` is the event of the subscription: by it `deliver` knows that this is no word of an operator."""
        now = time_ns() // 1000
        command = EndpointCommand(
            event_id=ident, tenant=tenant, occurred_at=now, recorded_at=now, cause=cause, endpoint=name, kind=kind,
            by=by, why=why,
        )  # fmt: skip
        async with open_producer(self._bootstrap) as producer:  # so rarely that no connection is kept
            await producer.send_and_wait(
                f"{self._settings.prefix}deliveries", encode(command), key=name.encode(),
                headers=cloud_event_headers(command, b"tocsin:gateway"),
            )  # fmt: skip


def state_of(name: str, rows: Mapping[str, EndpointRow] | None, taken: Collection[str]) -> dict[str, Any]:
    """How a subscription stands, by the rows of `deliver` and the names that the rules file takes."""
    if name in taken:
        return {"state": "shadowed", "why": "the rules file has an endpoint of this name, which comes first"}
    if rows is None:
        return {"state": "unknown"}
    row = rows.get(name)
    if row is None:
        return {"state": "enabled"}
    state = standing_of(row)
    told: dict[str, Any] = {"since": rfc3339(row.since)} if state in ("disabled", "removed") else {}
    if row.failures:
        told |= {"failures": row.failures, "last_error": row.last_error}
    if row.waiting:
        told["parked"] = row.waiting
    if row.breaker != "closed":
        told["breaker"] = row.breaker.replace("_", "-")
    unverified = row.last_error.startswith("unverified") and state in ("enabled", "failing")
    return {"state": "unverified" if unverified else state, **told}
