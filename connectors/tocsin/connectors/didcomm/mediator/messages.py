"""The messages between us and a mediator, made and read, without I/O. What it says is read leniently, and bounded."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct

from tocsin.connectors.dialects.message_types import is_report
from tocsin.schemas.errors import TocsinError
from tocsin.schemas.ids import new_event_id

PICKUP = "https://didcomm.org/messagepickup/3.0"
COORDINATION = "https://didcomm.org/coordinate-mediation"
MAX_ATTACHMENTS = 100
"""How many messages of one delivery are looked at."""
MAX_ID = 2048

Version = Literal["3.0", "2.0"]
_RECIPIENTS: Mapping[Version, str] = {"3.0": "recipient", "2.0": "keylist"}


class MediatorRefused(TocsinError):
    """The mediator answered with a problem report, or something else than was asked for; `code` is its problem code."""

    def __init__(self, why: str, code: str | None = None) -> None:
        super().__init__(why, code)
        self.why, self.code = why, code

    def __str__(self) -> str:
        return f"{self.why} ({self.code})" if self.code else self.why


class Waiting(Struct, frozen=True):
    """A message that a mediator keeps for us; `content` is None when it is none that could be read."""

    id: str
    content: bytes | None


def status_request() -> dict[str, Any]:
    """How many messages are there?"""
    return _message(f"{PICKUP}/status-request", {})


def delivery_request(limit: int) -> dict[str, Any]:
    """At most so many of them."""
    return _message(f"{PICKUP}/delivery-request", {"limit": limit})


def messages_received(ids: list[str]) -> dict[str, Any]:
    """These need not be kept any more."""
    return _message(f"{PICKUP}/messages-received", {"message_id_list": ids})


def mediate_request(version: Version) -> dict[str, Any]:
    """Will you take messages for us?"""
    return _message(f"{COORDINATION}/{version}/mediate-request", {})


def recipient_update(version: Version, did: str, action: Literal["add", "remove"] = "add") -> dict[str, Any]:
    """Take those for this DID."""
    body = {"updates": [{"recipient_did": did, "action": action}]}
    return _message(f"{COORDINATION}/{version}/{_RECIPIENTS[version]}-update", body)


def count_of(answer: Mapping[str, Any]) -> int:
    """How many messages wait, by a status. Raises MediatorRefused."""
    count = body_of(answer, f"{PICKUP}/status").get("message_count")
    if isinstance(count, bool) or not isinstance(count, int) or count < 0:
        raise MediatorRefused("its status has no message_count")
    return count


def delivered(answer: Mapping[str, Any]) -> list[Waiting]:
    """The messages of a delivery; none when it answers with a status, as it does when there are none. Raises
    MediatorRefused."""
    if answer.get("type") == f"{PICKUP}/status":
        return []
    body_of(answer, f"{PICKUP}/delivery")
    attachments = answer.get("attachments")
    if not isinstance(attachments, list):
        raise MediatorRefused("its delivery has no attachments")
    found = [_waiting(each) for each in attachments[:MAX_ATTACHMENTS] if isinstance(each, dict)]
    return [each for each in found if each is not None]


def granted(answer: Mapping[str, Any], version: Version) -> list[str]:
    """The routing DIDs of a grant. Raises MediatorRefused, also for a denial."""
    if answer.get("type") == f"{COORDINATION}/{version}/mediate-deny":
        raise MediatorRefused("it denies mediation")
    said = body_of(answer, f"{COORDINATION}/{version}/mediate-grant").get("routing_did")
    dids = [said] if isinstance(said, str) else said if isinstance(said, list) else []
    dids = [each for each in dids if isinstance(each, str) and each.startswith("did:")]
    if not dids:
        raise MediatorRefused("its grant names no routing_did")
    return dids


def check_updated(answer: Mapping[str, Any], version: Version, did: str) -> None:
    """Raises MediatorRefused unless the DID is in its list now."""
    updated = body_of(answer, f"{COORDINATION}/{version}/{_RECIPIENTS[version]}-update-response").get("updated")
    for each in updated if isinstance(updated, list) else []:
        if (
            isinstance(each, dict)
            and each.get("recipient_did") == did
            and each.get("result") in ("success", "no_change")
        ):
            return
    raise MediatorRefused("it did not take our DID into its list")


def body_of(answer: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    """The body of an answer of this type. Raises MediatorRefused for any other."""
    body = answer.get("body")
    body = body if isinstance(body, dict) else {}
    if answer.get("type") == kind:
        return body
    said = answer.get("type")
    if isinstance(said, str) and is_report(said):
        code = body.get("code")
        raise MediatorRefused("it answers with a problem report", code[:200] if isinstance(code, str) else None)
    raise MediatorRefused(f"it does not answer with {kind}")


def _waiting(attachment: Mapping[str, Any]) -> Waiting | None:
    """None without an id by which it could be acknowledged."""
    ident = attachment.get("id")
    if not isinstance(ident, str) or not 0 < len(ident) <= MAX_ID:
        return None
    data = attachment.get("data")
    return Waiting(ident, _content(data) if isinstance(data, dict) else None)


def _content(data: Mapping[str, Any]) -> bytes | None:
    if isinstance(data.get("json"), dict):
        return json.dumps(data["json"], separators=(",", ":")).encode()
    text = data.get("base64")
    if not isinstance(text, str):
        return None
    try:
        plain = text.replace("-", "+").replace("_", "/").rstrip("=")  # standard or URL-safe, padded or not
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


def _message(kind: str, body: dict[str, Any]) -> dict[str, Any]:
    return {"type": kind, "id": new_event_id(), "body": body, "return_route": "all"}
