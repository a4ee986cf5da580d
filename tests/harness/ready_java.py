"""What Kafka's Java has loaded and compiled, kept from a first start for those that follow (an AOT cache, JEP 514): a
start takes a third of the time. Made once on a machine, beside the jars; a start without it is only slower.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import os
import signal
import tempfile
from pathlib import Path
from unittest.mock import patch

from aiokafka.admin import AIOKafkaAdminClient

from tocsin.streams.settings import Settings
from tocsin.streams.topics import apply
from tocsin.streams.up.broker import BrokerUnavailable, EmbeddedBroker
from tocsin.streams.up.broker.config import java_command
from tocsin.streams.up.broker.fetch import cache_dir

OPTIONS = "JDK_JAVA_OPTIONS"
"""The variable of which `java` takes options, beside those that we give it."""
LONGEST = 240.0
"""Seconds that the writing of it may take on a busy machine."""


def use_ready_java() -> None:
    """Every `java` that this process and its children start from now on uses what is kept; made first, if need be."""
    if OPTIONS in os.environ:
        return
    folder = cache_dir()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "ready-java.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = None
        with contextlib.suppress(BrokerUnavailable):  # which the tests say better
            made = asyncio.run(_made(folder))
    if made is not None:
        os.environ[OPTIONS] = f"-XX:AOTCache={made} -Xlog:aot=off -Xlog:cds=off"


class _Observed(EmbeddedBroker):
    """Writes what it has loaded into `kept` when it is stopped, which takes longer than a stop may take."""

    kept: Path

    async def _launch(self, class_path: list[Path]) -> None:
        with patch.dict(os.environ, {OPTIONS: f"-XX:AOTCacheOutput={self.kept}"}):
            await super()._launch(class_path)

    async def stop_and_write(self) -> bool:
        assert self._child is not None
        self._child.send(signal.SIGTERM)
        return await self._child.ended(LONGEST)


async def _made(folder: Path) -> Path | None:
    with tempfile.TemporaryDirectory() as home:
        broker = _Observed(Path(home))
        command = java_command(sorted(await broker._fetch()), "", (), Path())
        made = folder / f"ready-{hashlib.sha256(chr(0).join(command).encode()).hexdigest()[:16]}.aot"
        if made.exists():
            return made
        broker.kept = made.with_suffix(f".{os.getpid()}")
        try:
            async with broker:
                admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
                await admin.start()
                await apply(admin, Settings(bootstrap=broker.bootstrap, partitions=1))
                await admin.close()
                if not await broker.stop_and_write() or not broker.kept.exists():
                    return None
            broker.kept.rename(made)
        finally:
            _remove(folder, broker.kept.name)
    return made


def _remove(folder: Path, name: str) -> None:
    for left in folder.glob(f"{name}*"):
        left.unlink(missing_ok=True)
