"""Processes of the bus for a test: started by the real command line, killed by their pid."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from dataclasses import dataclass, field
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient

from tests.harness.forking import Process, start
from tocsin.streams.settings import Settings
from tocsin.streams.topics import apply

COMMAND = "from tocsin.streams.cli.main import main; main()"


@dataclass
class Child:
    """One process; `url` is its base URL once it is ready."""

    name: str
    process: Process
    log: Path
    url: str = ""

    def alive(self) -> bool:
        return self.process.returncode is None

    def signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)

    async def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self.signal(signal.SIGKILL)
        await self.process.wait()

    async def ready(self, within: float = 150.0) -> Child:
        """Wait for its line on standard output; fails with the end of its log."""
        assert self.process.stdout is not None
        try:
            line = await asyncio.wait_for(self.process.stdout.readline(), within)
            self.url = json.loads(line)["url"]
        except (TimeoutError, ValueError, KeyError) as error:
            tail = self.log.read_text(errors="replace")[-3000:]
            raise AssertionError(f"{self.name} did not get ready ({error!r}):\n{tail}") from error
        return self


@dataclass
class Bus:
    """Starts processes against one Kafka with one topic prefix; ends them all when it is closed."""

    bootstrap: str
    prefix: str
    folder: Path
    partitions: int = 4
    environment: dict[str, str] = field(default_factory=dict)
    children: list[Child] = field(default_factory=list)

    async def __aenter__(self) -> Bus:
        await self.make_topics()
        return self

    async def __aexit__(self, *error: object) -> None:
        for child in self.children:
            if child.alive():
                child.signal(signal.SIGCONT)
                child.signal(signal.SIGKILL)
        for child in self.children:
            await child.process.wait()

    async def make_topics(self, again: str | None = None) -> None:
        """Make the topics that are missing; `again` names one (without prefix) that is deleted first."""
        settings = Settings(bootstrap=self.bootstrap, prefix=self.prefix, partitions=self.partitions)
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        try:
            if again is not None:
                await admin.delete_topics([self.prefix + again])
                async with asyncio.timeout(30):
                    while self.prefix + again in await admin.list_topics():  # noqa: ASYNC110
                        await asyncio.sleep(0.1)
            await apply(admin, settings)
        finally:
            await admin.close()

    async def stop(self, *children: Child) -> None:
        """SIGTERM to these, or to all that run, and wait until they are gone."""
        chosen = children or tuple(self.children)
        for child in chosen:
            if child.alive():
                child.signal(signal.SIGTERM)
        await asyncio.gather(*(child.process.wait() for child in chosen))

    def rules(self, text: str) -> None:
        """The rules file of all processes that are started from now on."""
        path = self.folder / "rules.yaml"
        path.write_text(text)
        self.environment["TOCSIN_RULES"] = str(path)

    async def start(self, name: str, failpoint: str | None = None, **environment: str) -> Child:
        """Start `tocsin NAME --json`; it is not awaited, see `Child.ready`."""
        settings = {**self.settings(), **environment}
        if failpoint:
            settings["TOCSIN_FAILPOINT"] = failpoint
        log = self.folder / f"{name}-{len(self.children)}.log"
        with log.open("wb") as output:
            process = await start(COMMAND, (name, "--json"), {**os.environ, **settings}, self.folder, output)
        child = Child(name, process, log)
        self.children.append(child)
        return child

    async def run(self, *arguments: str) -> tuple[int, str]:
        """Run a command of `tocsin` to its end: its exit code, and all that it said."""
        process = await start(COMMAND, arguments, {**os.environ, **self.settings()}, self.folder)
        said, _ = await asyncio.wait_for(process.communicate(), 60)
        return process.returncode or 0, said.decode()

    def settings(self) -> dict[str, str]:
        """The variables of all processes."""
        return {
            "TOCSIN_BOOTSTRAP": self.bootstrap,
            "TOCSIN_PREFIX": self.prefix,
            "TOCSIN_PARTITIONS": str(self.partitions),
            "TOCSIN_HOME": str(self.folder / "home"),
            "TOCSIN_PORT": "0",
            "TOCSIN_METRICS_PORT": "0",
            "TOCSIN_LOG_FORMAT": "json",
            **self.environment,
        }
