"""The folder of one broker's data, and the lock that keeps a second broker off it."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from tocsin.streams.up.broker.errors import BrokerUnavailable

PATIENCE = 5.0  # seconds; the broker of a killed process is gone well before


class BrokerHome:
    """`<home>/kafka`: `data/` (Kafka's own), `server.properties`, `ports.json`, `server.log`, `lock`.

    The lock is held by an open descriptor which Kafka's process inherits: it is free only when both are gone.
    """

    def __init__(self, home: Path) -> None:
        """`home` is TOCSIN_HOME; nothing is made before `take`."""
        self.folder = home.absolute() / "kafka"
        self.data = self.folder / "data"
        self.properties = self.folder / "server.properties"
        self.log4j = self.folder / "log4j2.properties"
        self.formatted = self.folder / "formatted"
        self.log = self.folder / "server.log"
        self.output = self.folder / "jvm.log"
        self.lock = -1

    def take(self) -> None:
        """Makes the folder, takes the lock, waiting up to 5 s for a dying owner; in use: raises BrokerUnavailable."""
        try:
            self.folder.mkdir(0o700, parents=True, exist_ok=True)
            self.folder.chmod(0o700)  # also when an earlier release made it
            self.lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise BrokerUnavailable("taking the data folder", str(error), "Set TOCSIN_HOME to another one.") from None
        deadline = time.monotonic() + PATIENCE
        while not self._try_lock():
            owner = os.pread(self.lock, 32, 0).decode("ascii", "replace")
            if _is_alive(owner) or time.monotonic() > deadline:
                self.release()
                raise BrokerUnavailable(
                    "taking the data folder",
                    f"{self.folder} is in use by another broker (of process {owner or 'unknown'})",
                    "Stop that one, or set TOCSIN_HOME to another folder.",
                )
            time.sleep(0.05)
        os.truncate(self.lock, 0)
        os.pwrite(self.lock, str(os.getpid()).encode(), 0)

    def release(self) -> None:
        """Gives the lock back (once Kafka's process is gone too)."""
        if self.lock >= 0:
            os.close(self.lock)
            self.lock = -1

    def identity(self) -> str | None:
        """The cluster id of the data, also when formatting them was cut short: with another one Kafka refuses them."""
        try:
            lines = (self.data / "meta.properties").read_text("utf-8").splitlines()
        except FileNotFoundError:
            return None
        return next((line.partition("=")[2].strip() for line in lines if line.startswith("cluster.id=")), None)

    def last_lines(self, count: int = 12) -> str:
        """The end of what Kafka logged, for the message of a failed start."""
        lines: list[str] = []
        for file in (self.log, self.output):
            if file.exists():
                text = file.read_text("utf-8", "replace").splitlines()
                lines += [line for line in text if not line.startswith("\tat ")][-count:]
        return "\n".join(f"  | {line[:300]}" for line in lines)

    def _try_lock(self) -> bool:
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def _is_alive(owner: str) -> bool:
    try:
        os.kill(int(owner), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True
