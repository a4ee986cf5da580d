"""Addresses of people and chats: Apprise's URLs, checked without being used, and never quoted."""

from __future__ import annotations

import logging
import re
from importlib import import_module
from ipaddress import ip_address
from typing import Any
from urllib.parse import quote, unquote

from msgspec import Struct

from tocsin.connectors.people.letter import MAX_TITLE, Room

_SCHEME = re.compile(r"\s*([a-z0-9][a-z0-9+.-]{0,30})://", re.IGNORECASE)

_LOCAL = frozenset({"syslog", "dbus", "gnome", "glib", "kde", "qt", "macosx", "windows"})
"""Services that are this machine's own desktop or log: nobody is told by them."""

MASK = "***"


class Unusable(ValueError):
    """The address cannot be used; the text says why, and quotes nothing of it but the name of a service."""


class Address(Struct, frozen=True):
    """A checked address: the name of its service, the room there is for a message, and whether it may be in Markdown.
    Its URL is a secret: it shows in no repr."""

    url: str
    service: str
    room: Room
    marked: bool

    def __repr__(self) -> str:
        return f"Address({self.service!r})"


def checked(url: str, *, private: bool) -> Address:
    """The address of a URL; nothing is connected. Raises Unusable: no such service, something missing, or a host
    that is plainly not public although not `private`."""
    found = _SCHEME.match(url)
    if found is None:
        raise Unusable("not a URL of a service (mailto://, slack://, ntfy://, ...): see docs/people.md")
    scheme = found.group(1).lower()
    if not _is_known(scheme):
        raise Unusable("Apprise knows no service by what the URL begins with: see docs/people.md")
    if scheme in _LOCAL:
        raise Unusable(f"{scheme}:// is of this machine: it tells nobody")
    try:
        plugin = made(url)
    except Exception:  # whatever a plug-in raises; its text may quote the URL
        plugin = None
    if plugin is None:
        raise Unusable(f"Apprise cannot use it: something is missing in the {scheme}:// URL, or wrong")
    if not private and any(_is_private(getattr(plugin, name, None)) for name in ("host", "smtp_host")):
        raise Unusable("its host is not public: allow_private permits it")
    room = Room(int(plugin.body_maxlen), min(int(plugin.title_maxlen), MAX_TITLE))
    return Address(url, str(plugin.service_name), room, marked=_takes_markdown(plugin.notify_format))


def _takes_markdown(formats: Any) -> bool:
    """Whether what is written in Markdown keeps its links there; what takes only text would get none of them."""
    listed = formats if isinstance(formats, tuple) else (formats,)
    return any(getattr(one, "value", one) in ("markdown", "html") for one in listed)


def made(url: str) -> Any | None:
    """Apprise's plug-in for a URL, or None when it takes none of it."""
    apprise = _apprise()
    return apprise.Apprise.instantiate(url, asset=_asset())


def apprise_of(url: str) -> Any:
    """An Apprise with this one address."""
    apprise = _apprise()
    found = apprise.Apprise(asset=_asset())
    plugin = made(url)
    if plugin is not None:
        found.add(plugin)
    return found


def without_secrets(line: str, url: str) -> str:
    """A line of a log without any part of the URL that may be secret: whatever stands behind its scheme."""
    parts = {url, url.partition("://")[2]}
    for piece in re.split(r"[/:@?&=#,;]+", url.partition("://")[2]):
        parts |= {piece, unquote(piece), quote(piece, safe="")}
    for part in sorted((part for part in parts if len(part) > 2), key=len, reverse=True):
        line = line.replace(part, MASK)
    return line


def _is_known(scheme: str) -> bool:
    _apprise()
    plugins = import_module("apprise.apprise").N_MGR
    return scheme in plugins


def _apprise() -> Any:
    """The library, which takes long to import; its log is ours to show, or not at all: it may quote an address."""
    import apprise

    logger = logging.getLogger("apprise")
    logger.propagate = False
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    return apprise


def _asset() -> Any:
    return _apprise().AppriseAsset(
        app_id="Tocsin",
        app_desc="Tocsin",
        async_mode=False,
        http_redirects=False,
        image_url_mask="",  # no icon from elsewhere that tells who reads
        interpret_emojis=False,
        pgp_autogen=False,
        pem_autogen=False,
        storage_mode="memory",
        secure_logging=True,
        service_timeout=0,  # who waits for it ends it
    )


def _is_private(host: object) -> bool:
    from tocsin.connectors.guard import is_public

    if not isinstance(host, str) or not host:
        return False
    if host.rstrip(".").lower() == "localhost" or host.lower().endswith(".localhost"):
        return True
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        return False
    return not is_public(host.strip("[]"))
