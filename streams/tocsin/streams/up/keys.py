"""The keys that `tocsin up` makes in its home when nobody says others: what signs the links in notifications, and what
secrets are sealed with. Made once and kept: what was signed or sealed is worth nothing without."""

from __future__ import annotations

import errno
import os
import secrets
import stat
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tocsin.connectors.sealing import new_seal_key
from tocsin.streams.processes.exit_codes import BAD_CONFIGURATION, CommandFailed
from tocsin.streams.settings import Settings

LINK_KEY_FILE = "link.key"
SEAL_KEY_FILE = "seal.key"


def with_link_key(settings: Settings) -> Settings:
    """The settings with a key for links, where there is a public address and no key: that of the home, made now if it
    is not there yet. Raises CommandFailed(78) when it is no file of ours."""
    if settings.public_url is None or settings.link_key is not None:
        return settings
    made = _kept(settings.home / LINK_KEY_FILE, lambda: secrets.token_hex(32), "TOCSIN_LINK_KEY")
    return settings.but(link_key=made)


def made_seal_key(home: Path) -> str:
    """The setting `seal_key` of this home: its file, made if it is not there. Raises CommandFailed(78) when it is no
    file of ours."""
    return _kept(home / SEAL_KEY_FILE, new_seal_key, "TOCSIN_SEAL_KEY")


def _kept(file: Path, new: Callable[[], str], setting: str) -> str:
    """`file:PATH` of a key file for its user alone; whenever the process is killed, it is there whole or not at all."""
    try:
        if not os.path.lexists(file):
            _make(file, new())
        found = os.lstat(file)
        if not stat.S_ISREG(found.st_mode) or found.st_mode & 0o077:
            raise OSError(errno.EPERM, "it is no file for its user alone (chmod 600)")
        if not found.st_size:
            raise OSError(errno.EINVAL, "it is empty (remove it, and another one is made)")
    except OSError as error:
        why = f"{file} cannot hold the key ({error.strerror}): correct it, or set {setting}"
        raise CommandFailed(BAD_CONFIGURATION, why) from None
    return f"file:{file}"


def _make(file: Path, key: str) -> None:
    descriptor, path = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)  # for its user alone
    try:
        with os.fdopen(descriptor, "w") as made:
            made.write(key + "\n")
            made.flush()
            os.fsync(made.fileno())
        with suppress(FileExistsError):  # another one was quicker: its key is kept
            os.link(path, file)
        folder = os.open(file.parent, os.O_RDONLY)
        try:
            os.fsync(folder)  # the name, too, must outlive a loss of power
        finally:
            os.close(folder)
    finally:
        os.unlink(path)
