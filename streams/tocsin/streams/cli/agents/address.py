"""The address of an agent's webhook, as it is set at the agent: which source it is, where its gateway is, which key."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from tocsin.streams.processes.exit_codes import CHECK_FAILED, USAGE, CommandFailed

EXAMPLES = (
    "ACA-Py: https://bus.example.org/v1/agents/acapy/TENANT#KEY",
    "Identus: https://bus.example.org/v1/agents/identus/TENANT",
)
_PATH = re.compile(
    r"(?P<above>.*)/v1/agents/(?P<source>acapy|identus)(?:/(?P<tenant>[A-Za-z0-9._-]{1,64}))?(?P<slash>/?)"
)
_VISIBLE = re.compile(r"[!-~]+")
_TOPIC = re.compile(r"(?P<right>.*/v1/agents/acapy(?:/(?!topic/)[^/]+)?)/topic(?:/.*)?")
PROBE = "tocsin-probe"
"""The header that says that a message is only tried; also the id of what the probe is about."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """An agent's webhook: `base` is the address of the gateway, `path` where the probe goes, `key` the one that the
    agent would send there, in `headers`."""

    source: str
    base: str
    path: str
    tenant: str | None
    headers: Mapping[str, str]
    body: bytes

    @property
    def has_key(self) -> bool:
        """Whether the agent sends a key."""
        return any(name in self.headers for name in ("authorization", "x-api-key"))


def webhook_of(address: str, key: str | None = None, wallet: str | None = None) -> Webhook:
    """The webhook that an agent with this address would call, as it would: ACA-Py sends what stands behind `#` as its
    key, and appends `/topic/TOPIC/`. Raises CommandFailed: for what is no address (2), and for one that is no webhook
    of an agent (1), with what is wrong about it."""
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise CommandFailed(USAGE, f"that is no address: {error}") from None
    for name, said in (("the address", address), ("the key", key), ("--wallet", wallet)):
        if said is not None and not _VISIBLE.fullmatch(said):
            raise CommandFailed(USAGE, f"{name} is visible ASCII characters, without spaces, as HTTP sends them")
    if parts.scheme not in ("http", "https") or not host:
        raise CommandFailed(USAGE, "the address of a webhook begins http:// or https://")
    if parts.query or "@" in parts.netloc:
        raise CommandFailed(CHECK_FAILED, "the address has a query or a user: " + _such_as())
    found = _PATH.fullmatch(parts.path)
    if found is None or found["tenant"] == "topic":
        raise CommandFailed(CHECK_FAILED, _wrong(parts.path))
    if found["source"] != "acapy" and parts.fragment:
        raise CommandFailed(CHECK_FAILED, "what stands behind # is a key for ACA-Py alone: " + _IDENTUS_KEY)
    if found["source"] == "acapy" and parts.path.endswith("/"):
        raise CommandFailed(CHECK_FAILED, f"ACA-Py would call {parts.path}/topic/...: set it without the / at its end")
    make = _acapy if found["source"] == "acapy" else _identus
    base = f"{parts.scheme}://{parts.netloc}{found['above']}"
    return make(base, parts.path.removeprefix(found["above"]), found["tenant"], key or parts.fragment or None, wallet)


_IDENTUS_KEY = "Identus is told it as GLOBAL_WEBHOOK_API_KEY, or by customHeaders; give it here as --key"


def _acapy(base: str, path: str, tenant: str | None, key: str | None, wallet: str | None) -> Webhook:
    record = {"connection_id": PROBE, "state": "active", "rfc23_state": "completed", "their_role": "invitee"}
    headers = _headers() | ({"x-api-key": key} if key else {}) | ({"x-wallet-id": wallet} if wallet else {})
    return Webhook("acapy", base, f"{path}/topic/connections/", tenant, headers, json.dumps(record).encode())


def _identus(base: str, path: str, tenant: str | None, key: str | None, wallet: str | None) -> Webhook:
    event = {
        "id": PROBE, "type": "ConnectionUpdated", "data": {"connectionId": PROBE, "state": "ConnectionResponseSent"},
        "walletId": wallet or "",
    }  # fmt: skip
    headers = _headers() | ({"authorization": f"Bearer {key}"} if key else {})
    return Webhook("identus", base, path, tenant, headers, json.dumps(event).encode())


def _headers() -> dict[str, str]:
    return {"content-type": "application/json", PROBE: "1"}


def _wrong(path: str) -> str:
    topic = _TOPIC.fullmatch(path)
    if topic is not None:
        return f"ACA-Py appends /topic/TOPIC/ itself: set the address without it, {topic['right']}"
    if "/v1/agents/" in path:
        return f"{path} is no path of a webhook: behind /v1/agents/ stand acapy or identus, and a tenant: {_such_as()}"
    return f"{path or '/'} is no path of a webhook: {_such_as()}"


def _such_as() -> str:
    return "; ".join(EXAMPLES)
