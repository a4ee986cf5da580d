"""The settings of a webhook, and what is refused before anything is sent."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from msgspec import Meta, field
from msgspec.structs import replace
from yarl import URL

from tocsin.connectors.egress.addresses import outgoing_url
from tocsin.connectors.egress.certificates import CaFile
from tocsin.connectors.egress.proxy import ProxyInFile
from tocsin.connectors.secrets import Secret
from tocsin.connectors.sections import NOT_IN_FILE, Listed, Section, Text
from tocsin.connectors.sinks.base import SinkMisconfigured
from tocsin.connectors.webhooks import signing_key

RESERVED_HEADERS = frozenset(
    {
        "host",
        "content-length",
        "content-type",
        "transfer-encoding",
        "connection",
        "accept-encoding",
        "user-agent",
        "traceparent",
        "tracestate",
        "content-encoding",
        "expect",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "upgrade",
    }
)
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")
DNS_NAME = re.compile(r"(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})(\.[A-Za-z0-9_][A-Za-z0-9_-]{0,62})*")
_HEADER_VALUE = re.compile(r"[\x20-\x7e]{0,4096}")


def _signing(as_: Literal["any", "text", "env", "file"]) -> Secret:
    return Secret(as_, signing_key, "make one: tocsin endpoint secret, or with --ed25519")


def _header_value(value: str) -> None:
    if not _HEADER_VALUE.fullmatch(value):
        raise ValueError("a header's value is one line of printable ASCII")


class WebhookConfig(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A webhook: a signed POST (Standard Webhooks). Exactly one of secret, secret_env and secret_file is needed."""

    url: Annotated[Text, "https on port 443, unless allow_private."]
    secret: Annotated[Annotated[str, _signing("text")] | None, "whsec_ (v1) or whsk_ (v1a, ed25519) and base64."] = None
    secret_env: Annotated[Annotated[str, _signing("env")] | None, "Name of the environment variable that holds it."] = (
        None
    )
    secret_file: Annotated[Annotated[str, _signing("file")] | None, "File that holds it."] = None
    secrets: Annotated[
        tuple[Annotated[str, _signing("any")], ...],
        Listed(max_length=10),
        "Others, of either kind, that sign too during a rotation.",
    ] = ()
    """All that sign, the newest first, once the settings are read: the one above stands first."""
    allow_private: Annotated[bool, "Plain http, any port and private addresses are right here."] = False
    headers: Annotated[
        Mapping[Text, Annotated[str, Secret("any", _header_value, "one line, as `curl -H` takes it")]],
        Meta(max_length=20),
        "Sent with each request; a value is a text, {env: NAME} or {file: PATH}.",
    ] = field(default_factory=dict)
    proxy: Annotated[ProxyInFile, "Through which it is reached, instead of the file's own; none: directly."] = None
    ca_file: Annotated[CaFile | None, "PEM file of who signs its certificate, instead of whom the system trusts."] = (
        None
    )
    ownership: Annotated[
        Literal["none", "options", "challenge"],
        "How the receiver must agree before it gets anything: OPTIONS (CloudEvents), or by repeating a challenge.",
    ] = "none"
    origin: Annotated[Text | None, "Who asks, with ownership: options; a DNS name that receivers know us by."] = None
    timeout: Annotated[float, NOT_IN_FILE] = 15.0
    """Seconds of a whole attempt."""
    connect_timeout: Annotated[float, NOT_IN_FILE] = 5.0
    """Seconds of it until the connection stands."""

    def checked(self) -> WebhookConfig:
        """With all that sign in `secrets`; raises ValueError when not exactly one is the newest."""
        given = [one for one in (self.secret, self.secret_env, self.secret_file) if one is not None]
        if len(given) != 1:
            raise ValueError("a webhook needs exactly one of secret, secret_env and secret_file")
        if (self.ownership == "options") != (self.origin is not None):
            raise ValueError("a webhook whose ownership is options has an origin, and no other has one")
        if self.origin is not None and not DNS_NAME.fullmatch(self.origin):
            raise ValueError("the origin of a webhook is a DNS name, such as tocsin.example.org")
        secrets = (*given, *self.secrets)
        return replace(self, secret=None, secret_env=None, secret_file=None, secrets=secrets)

    def __repr__(self) -> str:
        """Without secrets: neither those of the signature, nor headers, nor what the URL's path and query may hold."""
        try:
            origin = str(URL(self.url).origin())
        except ValueError:
            origin = "?"
        return f"WebhookConfig(url={origin!r}, secrets=***)"


def checked_url(config: WebhookConfig) -> URL:
    """Where a webhook goes. Raises SinkMisconfigured."""
    try:
        return outgoing_url(config.url, private=config.allow_private)
    except ValueError as error:
        raise SinkMisconfigured("webhook", "url", str(error)) from None


def check_headers(headers: Mapping[str, str]) -> None:
    """Raises SinkMisconfigured for a header that HTTP does not allow, or that the sink sets itself."""
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            raise SinkMisconfigured("webhook", "headers", "a name or value that HTTP does not allow")
        if name.lower() in RESERVED_HEADERS or name.lower().startswith(("webhook-", "tocsin-")):
            raise SinkMisconfigured("webhook", "headers", f"{name.lower()} is set by the sink")


def check_secrets(secrets: Sequence[str]) -> None:
    """Raises SinkMisconfigured when nothing signs, or something that cannot."""
    if not secrets:
        raise SinkMisconfigured("webhook", "secrets", "at least one is needed")
    for secret in secrets:
        try:
            signing_key(secret)
        except (ValueError, ModuleNotFoundError) as error:
            raise SinkMisconfigured("webhook", "secrets", str(error)) from None
