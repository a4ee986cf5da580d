"""A real Apache Kafka (KRaft, one node) as a child process of this one: for development, tests and small installations.

Its records are in the operating system's hands once acknowledged (Kafka does not fsync): they survive SIGKILL of Kafka
and of this process, not a power cut. Production runs the same Tocsin against any Kafka (TOCSIN_BOOTSTRAP).
"""

from __future__ import annotations

import asyncio
import base64
import signal
import threading
import uuid
from pathlib import Path
from types import TracebackType
from typing import Self

from tocsin.streams.processes.kafka import answers
from tocsin.streams.processes.lifecycle import stop_on_signals, unless
from tocsin.streams.settings import Settings
from tocsin.streams.up.broker.config import (
    FORMAT,
    HOST,
    SERVER,
    Ports,
    choose_ports,
    java_command,
    log4j_properties,
    server_properties,
)
from tocsin.streams.up.broker.errors import BrokerUnavailable
from tocsin.streams.up.broker.fetch import cache_dir, fetch
from tocsin.streams.up.broker.home import BrokerHome
from tocsin.streams.up.broker.jars import read_lock
from tocsin.streams.up.process import Child

START_TIMEOUT = 180.0
STOP_TIMEOUT = 20.0
KILL_TIMEOUT = 10.0


class EmbeddedBroker:
    """Kafka on 127.0.0.1 with its data in `<home>/kafka`. An async context manager: inside, it answers.

    If this process dies, by SIGKILL even, Kafka dies with it (Linux). A start on the same data finds every record
    again, at the same port. Every method that starts raises BrokerUnavailable.
    """

    def __init__(self, home: Path, port: int = 0) -> None:
        """`port` 0 = the one of the last time, else any free one. Nothing happens before `start`."""
        self._home = BrokerHome(home)
        self._wanted = port
        self._ports: Ports | None = None
        self._child: Child | None = None

    @property
    def bootstrap(self) -> str:
        """`host:port` for clients; raises RuntimeError before the first start."""
        if self._ports is None:
            raise RuntimeError("the embedded broker was not started")
        return f"{HOST}:{self._ports.broker}"

    @property
    def pid(self) -> int | None:
        """The process id of Kafka while it runs."""
        return self._child.pid if self._child and self._child.returncode is None else None

    async def start(self) -> None:
        """Fetches what is missing, formats a fresh data folder, starts Kafka, and returns when it answers.

        About 3 s (10 s more the first time on a machine); at most 60 s. A failure leaves nothing running.
        """
        if self.pid:
            return
        if self._home.lock < 0:
            await asyncio.to_thread(self._home.take)
        try:
            class_path = await self._fetch()
            self._configure()
            if not self._home.formatted.exists():
                await self._format(class_path)
            await self._launch(class_path)
        except BaseException:
            self.kill()
            self._home.release()
            raise

    async def stop(self) -> None:
        """Stops Kafka in order (SIGTERM), after 20 s by force; it may be started again. Harmless if it does not run."""
        try:
            if self._child:
                self._child.send(signal.SIGTERM)
                await self._child.ended(STOP_TIMEOUT)
        finally:
            self.kill()
            self._home.release()

    def kill(self) -> None:
        """SIGKILL, now, and waits until it is dead; the data folder stays taken for a `restart`."""
        child, self._child = self._child, None
        if child:
            child.send(signal.SIGKILL)
            child.wait(KILL_TIMEOUT)

    async def restart(self) -> None:
        """Stops it if it runs, and starts it on the same data and the same port."""
        if self.pid:
            await self.stop()
        if self._ports:
            self._wanted = self._ports.broker
        await self.start()

    async def died(self) -> None:
        """Wait until Kafka has ended; returns at once if it does not run."""
        while self._child and not await self._child.ended(3600):
            pass

    def last_lines(self) -> str:
        """The end of Kafka's log, for a message to a person."""
        return self._home.last_lines()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _fetch(self) -> list[Path]:
        given_up = threading.Event()
        try:
            return await asyncio.to_thread(fetch, read_lock(), cache_dir(), given_up)
        finally:
            given_up.set()

    def _configure(self) -> None:
        home = self._home
        self._ports = choose_ports(home.folder, self._wanted)
        home.properties.write_text(server_properties(home.data, self._ports), "utf-8")
        home.log4j.write_text(log4j_properties(home.log), "utf-8")
        home.log.unlink(missing_ok=True)

    async def _format(self, class_path: list[Path]) -> None:
        home = self._home
        identity = home.identity() or base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        # with "=", since one identity in 64 begins with a dash
        arguments = ("format", "--ignore-formatted", f"--cluster-id={identity}", "--config", home.properties)
        child = self._child = Child(java_command(class_path, FORMAT, arguments, home.log4j), home.output, [home.lock])
        if not await child.ended(START_TIMEOUT) or child.returncode != 0:
            raise self._failed("formatting the data folder")
        self._child = None
        home.formatted.touch()

    async def _launch(self, class_path: list[Path]) -> None:
        home = self._home
        arguments = (home.properties,)
        child = self._child = Child(java_command(class_path, SERVER, arguments, home.log4j), home.output, [home.lock])
        loop = asyncio.get_running_loop()
        deadline = loop.time() + START_TIMEOUT
        while not await answers(self.bootstrap):
            if await child.ended(0.05) or loop.time() > deadline:
                raise self._failed("starting Kafka")

    def _failed(self, step: str) -> BrokerUnavailable:
        code = self._child.returncode if self._child else None
        what = f"no answer within {START_TIMEOUT:.0f} s" if code is None else f"it ended with {code}"
        return BrokerUnavailable(step, f"{what}. Its last lines ({self._home.folder}):\n{self.last_lines()}\n")


async def run_broker(settings: Settings, port: int = 0) -> None:
    """Runs Kafka until SIGINT or SIGTERM, then stops it in order; prints `bootstrap HOST:PORT` when it answers.

    `port` 0 = the last one or any. Raises BrokerUnavailable (exit code 69) if Kafka cannot start, or ends by itself.
    """
    stop = stop_on_signals()
    broker = EmbeddedBroker(settings.home, port)
    try:
        started, _ = await unless(stop, broker.start())
        if started:
            print(f"bootstrap {broker.bootstrap}", flush=True)
            ended, _ = await unless(stop, broker.died())
            if ended:
                raise BrokerUnavailable("running Kafka", f"it ended by itself.\n{broker.last_lines()}\n")
    finally:
        await broker.stop()
