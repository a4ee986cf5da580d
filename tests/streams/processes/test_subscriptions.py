"""Subscriptions between two topics: what is written in which order, and what a repeat of a request that was cut off
completes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import pytest

from tests.streams.subscriptions.test_writing import KEYS, Bus, Reader
from tocsin.connectors.commands import SubscriptionRefusal, SubscriptionRefused
from tocsin.connectors.publish import PublishUnconfirmed
from tocsin.schemas.codec import decode
from tocsin.schemas.events import EndpointCommandKind
from tocsin.streams.processes.answers_topic import AnswersTopic
from tocsin.streams.processes.endpoint_states import EndpointStates
from tocsin.streams.processes.subscriptions import RunningSubscriptions
from tocsin.streams.rules.state import EndpointRow
from tocsin.streams.settings import Settings
from tocsin.streams.silences.settings_topic import SettingsTopic

URL = {"url": "https://hooks.example.com/in"}


class Killed(BaseException):
    """The process is gone at this place."""


class States:
    """What `deliver` says of the endpoints."""

    rows_now: dict[str, EndpointRow] | None

    def __init__(self) -> None:
        self.rows_now = {}

    async def rows(self) -> dict[str, EndpointRow] | None:
        return self.rows_now


class Gateway(RunningSubscriptions):
    """One whose commands for `deliver` are noted in the order in which both topics are written, and taken at once."""

    def __init__(self, bus: Bus, rules: Path | None = None, killed_at: str = "") -> None:
        self.diary: list[str] = []
        self.states, self.killed_at = States(), killed_at
        super().__init__(
            "127.0.0.1:9", Settings(rules=rules), cast(SettingsTopic, Noted(bus.log, self.diary)), KEYS,
            cast(AnswersTopic, None), cast(EndpointStates, self.states),
        )  # fmt: skip
        self._topic.read()  # type: ignore[attr-defined]
        self._failpoint = self._die

    def _die(self, place: str) -> None:
        if place == self.killed_at:
            raise Killed

    async def _command(
        self, name: str, tenant: str, kind: EndpointCommandKind, by: str, why: str | None, ident: str, cause: str
    ) -> None:
        assert cause in self.causes(), "deliver knows by it that a tenant asks"
        self.diary.append(kind.value)
        assert self.states.rows_now is not None
        if kind is EndpointCommandKind.REMOVE:
            self.states.rows_now[name] = EndpointRow(endpoint=name, status="removed", since=0)
        else:
            self.states.rows_now.pop(name, None)

    def causes(self) -> list[str]:
        """The ids of the events that were written."""
        log: list[bytes | str] = self._topic.log  # type: ignore[attr-defined]
        return [decode(record).event_id for record in log if isinstance(record, bytes)]

    async def put(self, within: float = 0.0) -> tuple[Any, bool | None]:
        return await self.replace("hook", URL, "acme", "ann", False, within)


class Noted(Reader):
    def __init__(self, log: list[bytes | str], diary: list[str]) -> None:
        super().__init__(log)
        self.diary = diary

    async def put_subscription(self, event: Any) -> bool:
        self.diary.append("ended" if event.removed else "written")
        return await super().put_subscription(event)


async def test_a_name_that_was_ended_is_enabled_before_it_is_made_and_after() -> None:
    gateway = Gateway(Bus())
    await gateway.put()
    await gateway.end("hook", "acme", "ann")
    await gateway.put()
    assert gateway.diary == ["written", "enable", "remove", "ended", "enable", "written", "enable"]


@pytest.mark.parametrize("acts", ["put", "make"])
async def test_a_gateway_that_is_killed_after_it_made_an_ended_one_leaves_it_enabled(acts: str) -> None:
    """A repeat of what had no key finds it there: 200, or 409."""
    bus = Bus()
    gateway = Gateway(bus)
    await gateway.put()
    await gateway.end("hook", "acme", "ann")
    doomed = Gateway(bus, killed_at="subscription_written")
    doomed.states = gateway.states
    with pytest.raises(Killed):
        await (doomed.put() if acts == "put" else doomed.make({"name": "hook", **URL}, "acme", "ann", None, False, 0))
    assert gateway.states.rows_now == {}
    assert doomed.diary == ["enable", "written"]


async def test_a_put_after_a_delete_that_was_cut_off_brings_it_back() -> None:
    bus = Bus()
    await Gateway(bus).put()
    doomed = Gateway(bus, killed_at="subscription_given_up")
    with pytest.raises(Killed):
        await doomed.end("hook", "acme", "ann")
    gateway = Gateway(bus)
    gateway.states.rows_now = doomed.states.rows_now
    made, _ = await gateway.put()
    assert (made.created, gateway.diary, gateway.states.rows_now) == (False, ["written", "enable"], {})


async def test_a_put_switches_nothing_on_that_was_switched_off() -> None:
    gateway = Gateway(Bus())
    await gateway.put()
    gateway.states.rows_now = {"hook": EndpointRow(endpoint="hook", status="disabled", since=0)}
    await gateway.put()
    assert gateway.diary == ["written", "enable", "written"]


async def test_a_put_that_cannot_know_whether_it_was_given_up_is_not_done() -> None:
    gateway = Gateway(Bus())
    await gateway.put()
    gateway.states.rows_now = None
    with pytest.raises(PublishUnconfirmed, match="repeat it"):
        await gateway.put()


async def test_a_delete_that_came_second_five_times_is_not_nothing() -> None:
    """What waited for it is given up by then, so it may not say so."""
    gateway = Gateway(Bus())
    await gateway.put()

    async def lost(name: str, tenant: str, by: str) -> bool:
        raise SubscriptionRefused(SubscriptionRefusal.CHANGED, "Others came first.")

    gateway._writer.end = lost  # type: ignore[method-assign]
    with pytest.raises(PublishUnconfirmed, match="repeat it"):
        await gateway.end("hook", "acme", "ann")
    assert gateway.diary[-1] == "remove"


async def test_a_tenant_does_not_touch_the_endpoint_of_the_file_that_took_its_name(tmp_path: Path) -> None:
    bus = Bus()
    await Gateway(bus).put()
    rules = tmp_path / "rules.yaml"
    rules.write_text("endpoints: {hook: {sink: log}}\ndefault_route: hook\n")
    gateway = Gateway(bus, rules)
    gateway.states.rows_now = {"hook": EndpointRow(endpoint="hook", status="removed", since=0)}
    await gateway.put()
    acts: list[Callable[[], Awaitable[Any]]] = [
        lambda: gateway.steer("hook", "acme", EndpointCommandKind.DISABLE, "ann", None, "id"),
        lambda: gateway.steer("hook", "acme", EndpointCommandKind.ENABLE, "ann", None, "id"),
        lambda: gateway.rotate("hook", "acme", "ann", None, None, None),
        lambda: gateway.try_one("hook", "acme"),
    ]
    for act in acts:
        with pytest.raises(SubscriptionRefused, match="rules file") as refused:
            await act()
        assert refused.value.kind is SubscriptionRefusal.TAKEN
    assert await gateway.end("hook", "acme", "ann") is True
    assert gateway.diary == ["written", "ended"], "no command"


async def test_a_repeat_under_its_key_does_not_enable_the_endpoint_of_the_file_that_took_its_name(
    tmp_path: Path,
) -> None:
    bus = Bus()
    document = {"name": "hook", **URL}
    await Gateway(bus).make(document, "acme", "ann", "by-key", False, 0)
    rules = tmp_path / "rules.yaml"
    rules.write_text("endpoints: {hook: {sink: log}}\ndefault_route: hook\n")
    gateway = Gateway(bus, rules)
    made, known = await gateway.make(document, "acme", "ann", "by-key", False, 5)
    assert (made.created, known, gateway.diary) == (True, False, [])
