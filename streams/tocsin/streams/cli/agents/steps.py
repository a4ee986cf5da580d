"""What is wrong with a webhook, and the next step: one sentence for each way in which a probe can fail."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Callable, Mapping
from typing import Any

from tocsin.streams.cli.agents.address import Webhook
from tocsin.streams.cli.agents.probing import Answered

_MAKE_KEY = "tocsin keys create --scope publish"


def wrong_about(webhook: Webhook, answered: Answered) -> str | None:
    """What is wrong, and what to do about it; None when the probe was understood."""
    if answered.understood:
        return None
    if answered.fault is not None:
        return _unreachable(webhook, answered.fault)
    if answered.kind in _REFUSED:
        return _REFUSED[answered.kind](webhook, answered.body or {})
    if 300 <= answered.status < 400:
        where = f" to {answered.location}" if answered.location else ""
        return f"it redirects{where} (HTTP {answered.status}), and an agent's message is lost there: set that address"
    if answered.kind:
        said = answered.body or {}
        return f"the gateway refuses it: {said.get('detail') or said.get('title')} (HTTP {answered.status})"
    if answered.status in (502, 503, 504):
        return f"a proxy answers (HTTP {answered.status}) that does not reach the gateway: is that running?"
    return (
        f"what answers is no gateway of Tocsin, or of an older release (HTTP {answered.status}): "
        f"look at host, port and the path before {webhook.path}"
    )


def not_ready(answered: Answered) -> str | None:
    """What is wrong with a gateway that understood the probe and could store nothing; None for one that could."""
    if answered.status == 200:
        return None
    said = answered.body or {}
    why = said.get("detail") or said.get("reason") or said.get("title") or f"HTTP {answered.status}"
    return f"the gateway is not ready ({why}), and stores nothing now: tocsin doctor says why"


_TENANT_BY = {
    "path": "as the address says",
    "credential": "as the key says",
    "wallet": "as its wallet says, by the rules file",
    "default": "since neither the address nor the key names one, and the wallet is nobody's by the rules file",
}


def where_it_goes(said: Mapping[str, Any]) -> str:
    """What the gateway would make of a message: whose it is and why, by which credential, and what it becomes."""
    why = _TENANT_BY.get(str(said.get("tenant_by")), "")
    credential = "without a key" if said.get("credential") == "anonymous" else f"with the key {said.get('key')}"
    became = [str(words) for each in said.get("would") or () for words in each.get("became") or ()]
    return f"{credential}; of tenant {said.get('tenant')}, {why}; it would become {', '.join(became) or 'nothing'}"


def _unreachable(webhook: Webhook, fault: Exception) -> str:
    if isinstance(fault, ssl.SSLCertVerificationError):
        return (
            f"its certificate is not trusted here ({fault.verify_message}), and the agent refuses it as well unless it "
            "knows who signed it: give the gateway a certificate for that name, or the agent the authority"
        )
    if isinstance(fault, ssl.SSLError):
        return "it does not speak TLS: the address is http://, or the port is another one"
    if isinstance(fault, http.client.HTTPException | ConnectionResetError) and webhook.base.startswith("http:"):
        return "it hangs up without an answer: a port that wants TLS does so; try https://"
    if isinstance(fault, socket.gaierror):
        return "no host has that name: look at its spelling; the agent may need another name for it than this machine"
    if isinstance(fault, TimeoutError):
        return "nothing answers in time: a firewall drops it, or the host is another one"
    if isinstance(fault, ConnectionRefusedError):
        return "nothing listens there: start the gateway (tocsin up), or look at the port"
    return f"it cannot be reached: {fault}"


def _no_credential(webhook: Webhook, body: Mapping[str, Any]) -> str:
    where = "append #KEY to the address"
    if webhook.source == "identus":
        where = "set it as GLOBAL_WEBHOOK_API_KEY, or in customHeaders, and give it here as --key"
    return f"the gateway wants an API key, and there is none: make one ({_MAKE_KEY}), then {where}"


def _bad_credential(webhook: Webhook, body: Mapping[str, Any]) -> str:
    why = f" ({body['reason']})" if body.get("reason") else ""
    return (
        f"the key does not hold{why}: it is another bus's, mistyped, expired or revoked; make another one: {_MAKE_KEY}"
    )


def _scope(webhook: Webhook, body: Mapping[str, Any]) -> str:
    scopes = ", ".join(map(str, body.get("scopes") or ())) or "nothing"
    return f"the key may {scopes}, and not publish: an agent needs one of its own: {_MAKE_KEY}"


def _other_tenant(webhook: Webhook, body: Mapping[str, Any]) -> str:
    return (
        f"the key is another tenant's than {webhook.tenant}, which the address names: "
        f"take that part out of the address, or make a key of that tenant: {_MAKE_KEY} --tenant {webhook.tenant}"
    )


def _not_found(webhook: Webhook, body: Mapping[str, Any]) -> str:
    return (
        f"the gateway has no path {webhook.path}: a proxy may have changed it (its slash at the end, a prefix), or the "
        "gateway is of an older release"
    )


def _foreign_host(webhook: Webhook, body: Mapping[str, Any]) -> str:
    return "the gateway does not answer under that name: add it to TOCSIN_ALLOWED_HOSTS, and start it again"


_REFUSED: Mapping[str, Callable[[Webhook, Mapping[str, Any]], str]] = {
    "no-credential": _no_credential,
    "bad-credential": _bad_credential,
    "scope-missing": _scope,
    "other-tenant": _other_tenant,
    "not-found": _not_found,
    "method-not-allowed": _not_found,
    "foreign-host": _foreign_host,
}
