"""The values of settings: what each may be, and how one that may hold a secret is shown."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit, urlunsplit

from pydantic import AfterValidator

MASK = "***"
_PAIR = re.compile(r"[^\s=,]{1,64}\s*=\s*[A-Za-z0-9._-]{1,64}")
_HOST = re.compile(r"[^\s:/@\[\]]+|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*")


def checked_host(value: str) -> str:
    """An address, or the name of a host. Raises ValueError."""
    if not _HOST.fullmatch(value):
        raise ValueError("must be an address or the name of a host, without scheme and port")
    return value


def checked_hosts(value: str) -> str:
    """Several of them, separated by commas. Raises ValueError."""
    for host in filter(None, map(str.strip, value.split(","))):
        checked_host(host)
    return value


def checked_pairs(value: str) -> str:
    """`NAME=TENANT`, several separated by commas. Raises ValueError."""
    for pair in filter(None, map(str.strip, value.split(","))):
        if not _PAIR.fullmatch(pair):
            raise ValueError("must be NAME=TENANT, several separated by commas")
    return value


def absolute(value: Path) -> Path:
    """The path from the root on, `~` being the home of the user. Raises ValueError."""
    try:
        return value.expanduser().absolute()
    except RuntimeError as error:
        raise ValueError(str(error)) from None


def checked_folder(value: Path) -> Path:
    """A folder, or what can become one. Raises ValueError."""
    there = next((path for path in (value, *value.parents) if path.exists()), value)
    if not there.is_dir():
        raise ValueError(f"{there} is not a folder")
    return value


def without_slash(value: str) -> str:
    """Without slashes at its end."""
    return value.rstrip("/")


AbsolutePath = Annotated[Path, AfterValidator(absolute)]


def without_secret(given: str) -> str:
    """What stands for a secret: where it is, or a mask."""
    return given if given.startswith(("env:", "file:")) else MASK


def without_user(url: str) -> str:
    """A URL without the name and password in it."""
    scheme, slashes, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return scheme + slashes + host.rpartition("@")[2] + slash + path


def without_password(url: str) -> str:
    """A URL whose password is masked."""
    parts = urlsplit(url)
    if not parts.password:
        return url
    return urlunsplit(parts._replace(netloc=parts.netloc.replace(f":{parts.password}@", f":{MASK}@")))
