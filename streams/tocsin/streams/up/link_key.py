"""The key that signs the links in notifications, made by `tocsin up` in its home when nobody says another one."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from tocsin.streams.processes.exit_codes import BAD_CONFIGURATION, CommandFailed
from tocsin.streams.settings import Settings

KEY_FILE = "link.key"


def with_link_key(settings: Settings) -> Settings:
    """The settings with a key for links, where there is a public address and no key: that of the home, made now if it
    is not there yet, for our eyes only. Kept, so that links hold when the bus is started again. Raises
    CommandFailed(78) when it cannot be made."""
    if settings.public_url is None or settings.link_key is not None:
        return settings
    file = settings.home / KEY_FILE
    try:
        _make(file)
    except FileExistsError:
        pass
    except OSError as error:
        raise CommandFailed(
            BAD_CONFIGURATION, f"{file} cannot be made ({error.strerror}): set TOCSIN_LINK_KEY"
        ) from None
    return settings.but(link_key=f"file:{file}")


def _make(file: Path) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(secrets.token_hex(32) + "\n")
