"""The home of a `tocsin up`: locked while it runs, and where other commands find the bus that it runs."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tocsin.streams.processes.exit_codes import BAD_CONFIGURATION, UNREACHABLE, CommandFailed
from tocsin.streams.settings import WITHOUT_SECURITY, Settings, load_settings

PID_FILE = "up.pid"
STATE_FILE = "up.json"


def located_settings(**flags: object) -> Settings:
    """The effective settings with a bootstrap: TOCSIN_BOOTSTRAP, else what the `tocsin up` on the same home runs with.

    Raises SettingsInvalid, or CommandFailed(69) when none runs.
    """
    settings = load_settings(**flags)
    if settings.bootstrap is not None:
        return settings
    running = running_bus(settings.home)
    if running is None:
        raise CommandFailed(
            UNREACHABLE,
            f"no Kafka: TOCSIN_BOOTSTRAP is not set, and nothing is up on {settings.home}; "
            "start it (`tocsin up`), or set TOCSIN_BOOTSTRAP=host:port",
        )
    return as_running(settings, running)


def as_running(settings: Settings, running: Mapping[str, Any] | None) -> Settings:
    """The settings with what a running bus (`running_bus`) says of itself: its Kafka, unless another one is set, and
    with that its prefix, public address and rules file, unless others are set. Without a bus they are as they were."""
    if running is None or settings.bootstrap is not None:
        return settings
    known = {name: running[name] for name in ("bootstrap", "prefix", "public_url") if name in running}
    if "rules" in running:
        known["rules"] = Path(running["rules"])
    if "seal_key" in running:
        known["seal_key"] = running["seal_key"]
    unset = {name: value for name, value in known.items() if name not in settings.model_fields_set}
    return settings.but(**unset, **(WITHOUT_SECURITY if running.get("embedded") else {}))


def running_bus(home: Path) -> Mapping[str, Any] | None:
    """The state that the `tocsin up` on this home wrote when it was ready; None when none runs."""
    try:
        # Not by a link, and without waiting for the other end of a FIFO: a folder may have come from anywhere.
        with os.fdopen(os.open(home / PID_FILE, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as pid_file:
            fcntl.flock(pid_file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        try:
            state: Mapping[str, Any] = json.loads((home / STATE_FILE).read_text("utf-8"))
        except (OSError, ValueError):
            return None
        return state if "bootstrap" in state else None
    except OSError:
        pass
    return None


class HomeLock:
    """Keeps a home for one `tocsin up`: `up.pid` is locked as long as its process lives."""

    def __init__(self, home: Path) -> None:
        """Raises CommandFailed(78) when another one has it, or it cannot be written."""
        self._home = home
        try:
            home.mkdir(0o700, parents=True, exist_ok=True)
            self._lock = os.open(home / PID_FILE, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
            if not stat.S_ISREG(os.fstat(self._lock).st_mode):
                raise OSError(errno.EINVAL, f"{PID_FILE} is no regular file")
        except OSError as error:
            raise CommandFailed(
                BAD_CONFIGURATION,
                f"{home} cannot hold the data ({error.strerror}): choose another home (--home, TOCSIN_HOME)",
            ) from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(self._lock, 32, 0).decode("ascii", "replace").strip()
            os.close(self._lock)
            raise CommandFailed(
                BAD_CONFIGURATION,
                f"{home} is in use by another `tocsin up` (process {owner or 'unknown'}): "
                "stop that one (`make down`, or Ctrl-C in its terminal), or choose another home (--home, TOCSIN_HOME)",
            ) from None
        os.truncate(self._lock, 0)
        os.pwrite(self._lock, f"{os.getpid()}\n".encode(), 0)

    def write_state(self, state: Mapping[str, object]) -> None:
        """Write the state that `running_bus` reads."""
        (self._home / STATE_FILE).unlink(missing_ok=True)  # a link would be followed
        (self._home / STATE_FILE).write_text(json.dumps(state) + "\n", "utf-8")

    def release(self) -> None:
        """Release the home. The empty file stays: a process that has just opened it must not lock a deleted one."""
        (self._home / STATE_FILE).unlink(missing_ok=True)
        os.truncate(self._lock, 0)
        os.close(self._lock)
