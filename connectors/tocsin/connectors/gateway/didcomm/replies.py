"""What we say to a ping and to the question what we can do: pure, from the message to the answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any, Literal

from tocsin.connectors.dialects.message_types import parse_piuri
from tocsin.schemas.ids import new_event_id

PROTOCOLS: Mapping[str, str] = {
    "https://didcomm.org/report-problem/1.0": "notified",
    "https://didcomm.org/report-problem/2.0": "notified",
    "https://didcomm.org/notification/1.0": "notified",
    "https://didcomm.org/trust-ping/2.0": "receiver",
    "https://didcomm.org/trust_ping/1.0": "receiver",
    "https://didcomm.org/discover-features/1.0": "responder",
    "https://didcomm.org/discover-features/2.0": "responder",
}
"""What is understood here -> our role in it."""
MAX_QUERIES = 32
"""How many queries of one message are answered."""
MAX_PATTERN = 256


def pong(message: Mapping[str, Any], version: Literal[1, 2], thread: str | None) -> dict[str, Any] | None:
    """The answer to a ping; None when it wants none."""
    said = message if version == 1 else _body(message)
    if said.get("response_requested", True) is not True:
        return None
    return _reply(message, version, "ping_response" if version == 1 else "ping-response", thread, {})


def disclosure(message: Mapping[str, Any], version: Literal[1, 2], thread: str | None) -> dict[str, Any]:
    """What of all that we can do is asked for."""
    protocol = parse_piuri(str(message.get("@type" if version == 1 else "type"))) or ("", 2, "")
    asks = message if version == 1 else _body(message)
    if protocol[1] == 1:
        found = [{"pid": each, "roles": [PROTOCOLS[each]]} for each in _matching([asks.get("query")])]
        return _reply(message, version, "disclose", thread, {"protocols": found})
    given = asks.get("queries")
    queries = [each for each in given if isinstance(each, dict)] if isinstance(given, list) else []
    patterns = [each.get("match") for each in queries if each.get("feature-type") == "protocol"]
    disclosed = [{"feature-type": "protocol", "id": each, "roles": [PROTOCOLS[each]]} for each in _matching(patterns)]
    name = "disclosures" if version == 1 else "disclose"
    return _reply(message, version, name, thread, {"disclosures": disclosed})


def _matching(patterns: list[Any]) -> Iterator[str]:
    """The protocols that fit any of the patterns, in which `*` stands for anything; what else stands there is none."""
    usable = [
        each.replace("[", "[[]").replace("?", "[?]")
        for each in patterns[:MAX_QUERIES]
        if isinstance(each, str) and len(each) <= MAX_PATTERN and each.count("*") <= 2
    ]
    return (protocol for protocol in PROTOCOLS if any(fnmatchcase(protocol, each) for each in usable))


def _reply(
    message: Mapping[str, Any], version: Literal[1, 2], name: str, thread: str | None, said: dict[str, Any]
) -> dict[str, Any]:
    """A message of the same protocol and version on the same thread."""
    kind = str(message.get("@type" if version == 1 else "type")).rstrip("/").rpartition("/")[0] + f"/{name}"
    if version == 1:
        about = {} if thread is None else {"~thread": {"thid": thread}}
        return {"@type": kind, "@id": new_event_id()} | about | said
    found: dict[str, Any] = {"type": kind, "id": new_event_id(), "body": said}
    return found if thread is None else found | {"thid": thread}


def _body(message: Mapping[str, Any]) -> Mapping[str, Any]:
    body = message.get("body")
    return body if isinstance(body, dict) else {}
