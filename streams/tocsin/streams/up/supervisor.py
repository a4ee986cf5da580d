"""The whole bus: Kafka, topics, and the processes, started in order, supervised, drained in order."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Self

from tocsin.connectors.kafka import Kafka
from tocsin.connectors.sealing import seal_keys_of
from tocsin.streams.processes.kafka import admin_of, any_answers
from tocsin.streams.processes.links import links_of
from tocsin.streams.processes.rules_watch import own_addresses
from tocsin.streams.rulesfile import load_rulebook
from tocsin.streams.setting_values import without_user
from tocsin.streams.settings import WITHOUT_SECURITY, Settings
from tocsin.streams.topics import ChangeKind, apply
from tocsin.streams.up.broker import BrokerUnavailable, EmbeddedBroker
from tocsin.streams.up.home import HomeLock
from tocsin.streams.up.keys import made_seal_key, with_link_key
from tocsin.streams.up.member import FIRST_DELAY, LONGEST_DELAY, Member

DRAIN_ORDER = ("gateway", "worker", "dispatch", "project")
"""First no new input, then the decisions are written, then the attempts that they ask for are made; the store has the
rest."""


@dataclass(frozen=True, slots=True)
class Where:
    """Where a running bus is: the base URL of its API, Kafka, and the URL of each process's metrics."""

    api: str
    bootstrap: str
    metrics: dict[str, str]
    home: Path
    logs: Path


def metrics_port_of(process: str, settings: Settings) -> int | None:
    """The port of a process's metrics under `tocsin up`: two processes cannot have the same. Where the API may be
    anywhere, several buses may run, and the metrics may be anywhere, too."""
    if settings.metrics_port:
        return settings.metrics_port + {"dispatch": 1, "project": 2}.get(process, 0)
    return 0 if settings.port == 0 else settings.metrics_port


class Bus:
    """Kafka and the processes. `start` may be cancelled half way; leaving the async context still stops all.

    No process of it outlives this one, however this one ends (Linux; elsewhere they end by themselves).
    """

    def __init__(self, settings: Settings, progress: Callable[[str], None], stdout: int | None = None) -> None:
        """`progress` is called with a line for a person at each step and each failure; to the descriptor `stdout` goes
        what sinks print, else it goes into the dispatcher's log."""
        self._settings = settings
        self._progress = progress
        self._stdout = stdout
        self._logs = settings.home / "logs"
        self._lock: HomeLock | None = None
        self._broker: EmbeddedBroker | None = None
        self._watching: list[asyncio.Task[None]] = []
        self.members: dict[str, Member] = {}

    async def start(self) -> Where:
        """Start everything; returns when it is ready. After an exception, call `stop`.

        Raises CommandFailed, SettingsInvalid, BrokerUnavailable, TopicsRefused, MemberFailed.

        Before anything is started: RulesFileError, and OSError when the gateway's port is taken.
        """
        self._lock = HomeLock(self._settings.home)
        self._prepare()
        settings = await self._settled()
        await self._make_topics(settings)
        self._progress("starting worker, dispatch, project and gateway")
        self.members = {
            name: Member(
                name,
                settings.but(metrics_port=metrics_port_of(name, settings)),
                self._logs,
                self._progress,
                self._stdout if name == "dispatch" else None,
            )
            for name in DRAIN_ORDER
            if name != "project" or find_spec("sqlalchemy") is not None
        }
        if "project" not in self.members:
            self._progress("without a store: tocsin[store] is not installed")
        await self._start_all()
        self._watching += [asyncio.create_task(member.watch()) for member in self.members.values()]
        where = Where(
            api=self.members["gateway"].url,
            bootstrap=str(settings.bootstrap),
            metrics={name: f"{member.probes}/metrics" for name, member in self.members.items()},
            home=settings.home,
            logs=self._logs,
        )
        self._lock.write_state(_noted(where, settings, embedded=self._broker is not None))
        return where

    async def _settled(self) -> Settings:
        """The settings of the members: with a Kafka, and with the keys of this home."""
        settings = self._settings.but(bootstrap=await self._kafka())
        if self._broker is not None:
            settings = settings.but(**WITHOUT_SECURITY)
        if settings.seal_key is None:
            settings = settings.but(seal_key=made_seal_key(settings.home))
        seal_keys_of(settings.seal_key)
        return settings

    async def _make_topics(self, settings: Settings) -> None:
        self._progress("making the topics")
        async with admin_of(settings) as admin:
            changes = await apply(admin, settings)
        for change in changes:
            if change.kind is not ChangeKind.MISSING:
                self._progress(f"topic {change.topic}: {change.detail}")

    def _prepare(self) -> None:
        """What can be refused is refused before anything is started, and long before a process could refuse it."""
        self._logs.mkdir(0o700, exist_ok=True)
        self._logs.chmod(0o700)  # also when an earlier release made it
        load_rulebook(self._settings.rules, own=own_addresses(self._settings))
        if self._settings.port:
            socket.create_server((self._settings.host, self._settings.port)).close()
        self._settings = with_link_key(self._settings)
        links_of(self._settings)

    async def stop(self) -> None:
        """Drain the processes in order, stop Kafka, release the home. Takes 2 minutes at most."""
        for task in self._watching:
            task.cancel()
        await asyncio.gather(*self._watching, return_exceptions=True)
        try:
            await self._stop_members()
            if self._broker:
                await self._broker.stop()
        finally:
            if self._lock:
                self._lock.release()
                self._lock = None

    async def _stop_members(self) -> None:
        members = [self.members[name] for name in DRAIN_ORDER if name in self.members]
        there = Kafka(self._settings.bootstrap or "", self._settings.kafka_security())
        bootstrap = self._broker.bootstrap if self._broker else there
        if members and not await any_answers(bootstrap):
            # Without Kafka none can drain, so that their order means nothing.
            await asyncio.gather(*(member.stop() for member in members))
        for member in members:
            await member.stop()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.stop()

    async def _kafka(self) -> str:
        if self._settings.bootstrap is not None:
            self._progress(f"using the Kafka at {self._settings.bootstrap}")
            return self._settings.bootstrap
        self._progress("starting Kafka")
        self._broker = EmbeddedBroker(self._settings.home)
        await self._broker.start()
        self._watching.append(asyncio.create_task(self._watch_broker(self._broker)))
        return self._broker.bootstrap

    async def _start_all(self) -> None:
        starting = [asyncio.create_task(member.start()) for member in self.members.values()]
        try:
            await asyncio.gather(*starting)
        finally:
            for task in starting:
                task.cancel()
            for task in starting:
                with suppress(asyncio.CancelledError, Exception):
                    await task

    async def _watch_broker(self, broker: EmbeddedBroker) -> None:
        delay = FIRST_DELAY
        while True:
            await broker.died()
            self._progress(f"Kafka ended by itself; starting it again in {delay:.1f} s")
            await asyncio.sleep(delay)
            delay = min(delay * 2, LONGEST_DELAY)
            try:
                await broker.restart()
                self._progress("Kafka answers again")
                delay = FIRST_DELAY
            except (BrokerUnavailable, OSError) as error:
                self._progress(f"Kafka did not start: {error}")


def _noted(where: Where, settings: Settings, *, embedded: bool) -> dict[str, object]:
    """What other commands find in the home of a bus that runs."""
    return {
        "api": where.api,
        "bootstrap": where.bootstrap,
        "metrics": list(where.metrics.values()),
        "processes": where.metrics,
        "embedded": embedded,
        "prefix": settings.prefix,
        **({} if settings.rules is None else {"rules": str(settings.rules.absolute())}),
        **({} if settings.public_url is None else {"public_url": without_user(settings.public_url)}),
        **({"seal_key": settings.seal_key} if str(settings.seal_key).startswith("file:") else {}),
    }
