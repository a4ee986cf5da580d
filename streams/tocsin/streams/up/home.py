"""How commands find the bus: by TOCSIN_BOOTSTRAP, else the one that `tocsin up` runs on the same home right now."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from pathlib import Path

from tocsin.streams.processes.exit_codes import BAD_CONFIGURATION, UNREACHABLE, CommandFailed
from tocsin.streams.settings import Settings, load_settings

PID_FILE = "up.pid"
STATE_FILE = "up.json"


def located_settings(**flags: object) -> Settings:
    """The effective settings with a bootstrap. Raises SettingsInvalid, or CommandFailed(69) when nobody runs."""
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
    return settings.but(bootstrap=running["bootstrap"])


def running_bus(home: Path) -> Mapping[str, str] | None:
    """What the `tocsin up` on this home said when it was ready; None when none runs."""
    try:
        with (home / PID_FILE).open("rb") as pid_file:
            fcntl.flock(pid_file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        try:
            state: Mapping[str, str] = json.loads((home / STATE_FILE).read_text("utf-8"))
        except (OSError, ValueError):
            return None
        return state if "bootstrap" in state else None
    except OSError:
        pass
    return None


class HomeTaken:
    """Holds a home for one `tocsin up`: `up.pid` is locked while it lives, whatever ends it."""

    def __init__(self, home: Path) -> None:
        """Raises CommandFailed(78) when another one has it, or it cannot be written."""
        self._home = home
        try:
            home.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(home / PID_FILE, os.O_RDWR | os.O_CREAT, 0o644)
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

    def tell(self, state: Mapping[str, object]) -> None:
        """Leave word for other commands of what runs here."""
        (self._home / STATE_FILE).write_text(json.dumps(state) + "\n", "utf-8")

    def release(self) -> None:
        """Give the home back. The empty file stays: whoever just opened it must not lock one that is gone."""
        (self._home / STATE_FILE).unlink(missing_ok=True)
        os.truncate(self._lock, 0)
        os.close(self._lock)
