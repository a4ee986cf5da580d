"""An egress proxy: whom it is asked to connect to, and what can be known of that (docs/reliability.md#proxies).

With a proxy it is the proxy that looks a name up and connects, so what we find is not what it finds: our guard can
refuse what is private as we see it, and no more. It still looks first, and refuses what it cannot find out. A proxy
that guards for itself, as smokescreen does, is marked `resolves`.
"""

from __future__ import annotations

import socket
from typing import Annotated, Any

from aiohttp import encode_basic_auth
from pydantic import BeforeValidator
from yarl import URL

from tocsin.connectors.egress.addresses import http_url, refuse_private
from tocsin.connectors.guard import PublicResolver
from tocsin.connectors.secrets import Secret
from tocsin.connectors.sections import Section, Text


class ProxyRefused(ValueError):
    """A proxy that cannot be used; says why, and quotes nothing of it."""


class Proxy(Section, frozen=True, kw_only=True):
    """An HTTP proxy that connects for us (CONNECT), such as smokescreen."""

    url: Annotated[Text, "http://HOST:PORT or https://HOST:PORT; none: no proxy, whatever holds for the others."]
    user: Annotated[Annotated[str, Secret()] | None, "Text, {env: NAME} or {file: PATH}."] = None
    password: Annotated[Annotated[str, Secret()] | None, "Text, {env: NAME} or {file: PATH}."] = None
    allow_private: Annotated[bool, "The proxy itself may be at a private address."] = False
    resolves: Annotated[bool, "It refuses private addresses itself, so names are not looked up here first."] = False

    def checked(self) -> Proxy:
        """Itself; raises ValueError when it has a password and no user."""
        if self.password is not None and self.user is None:
            raise ValueError("a proxy with a password has a user")
        return self

    def __repr__(self) -> str:
        """Without credentials."""
        try:
            origin = str(URL(self.url).origin())
        except ValueError:
            origin = "none" if self == NO_PROXY else "?"
        return f"Proxy(url={origin!r})"

    @property
    def headers(self) -> dict[str, str] | None:
        """What it is shown with each connection. aiohttp makes `Proxy-Authorization` of it, for CONNECT and without."""
        return (
            None if self.user is None else {"Authorization": encode_basic_auth(self.user, self.password or "", "utf-8")}
        )


NO_PROXY = Proxy(url="none")
"""What `proxy: none` says."""


def _alone(value: Any) -> Any:
    return {"url": value} if isinstance(value, str) else value


ProxyInFile = Annotated[Proxy | None, BeforeValidator(_alone, json_schema_input_type=Proxy | Text | None)]
"""A proxy as a file gives it: its URL alone, or a mapping."""


def checked_proxy(proxy: Proxy | None) -> URL | None:
    """Where a proxy is; None without one. Raises ProxyRefused."""
    if proxy is None or proxy == NO_PROXY:
        return None
    try:
        url = http_url(proxy.url)
        if url.user is not None or url.password is not None:
            raise ValueError("has no credentials in its URL: they stand in its user and password")
        if url.path not in ("", "/") or url.query_string or url.fragment:
            raise ValueError("must be http://HOST:PORT or https://HOST:PORT, without a path, query or fragment")
        if not proxy.allow_private:
            refuse_private(url)
    except ValueError as error:
        raise ProxyRefused(str(error)) from None
    return url


async def look_before_asking(url: URL, resolver: PublicResolver) -> None:
    """Look the host up that a proxy is to be asked for. Raises AddressRefused when one of its addresses is not public,
    socket.gaierror when none is found: what is not known is not asked for."""
    host = url.raw_host or ""
    if ":" in host or host.replace(".", "").isdigit():
        return  # a public address: `outgoing_url` has looked at it
    try:
        await resolver.resolve(host, url.port or 443, socket.AF_UNSPEC)
    except OSError as error:
        if type(error) is OSError:
            raise socket.gaierror(socket.EAI_NONAME, "the name cannot be looked up") from None
        raise
