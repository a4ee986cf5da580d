"""What is plainly a secret is taken out of an event before it is written: tokens, keys, passwords, card numbers.

`might_hold_secret` looks at an event's bytes; what it does not point at costs no more. Everything else goes through one
regular expression, text by text. A text that holds no secret stays as it is, and so does one that is redacted already.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from tocsin.connectors.dialects.json_text import json_text, parse_json
from tocsin.connectors.dialects.reading import Unreadable
from tocsin.connectors.secret_shapes import JWK, PRIVATE_OF_JWK, SECRET, SHOWN, WHOLE, Kind, is_secret_name
from tocsin.schemas.codec import encode
from tocsin.schemas.events import Event
from tocsin.schemas.problem import Item, Problem

MARK = "[redacted value]"
REDACTED = ("tocsin-redacted", b"1")
"""The header of a record whose writer has taken out what is plainly a secret: whoever reads it need not look again."""

PASSES = 4
"""How often a text with secrets is gone through again."""

SHORTEST = 8
"""A shorter text holds no secret that could be told from other words."""

_Event = TypeVar("_Event", bound=Event)


class Redaction(Struct, frozen=True, kw_only=True):
    """What is taken out for one tenant: all kinds but those in `keep`, and the values of `members` too."""

    keep: tuple[Kind, ...] = ()
    members: tuple[str, ...] = ()


Redactions = Callable[[str], Redaction]
"""The redaction of a tenant."""

DEFAULT = Redaction()


def default_of(tenant: str) -> Redaction:
    """The same for every tenant: all kinds."""
    return DEFAULT


_FOLD = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ123456789", b"abcdefghijklmnopqrstuvwxyz000000000")
_SKIPPED = b" \t-_\\"
_DIGITS = b"0" * 13
_CARD = re.compile(rb"[2-6](?:[ -]?[0-9]){12}")
_URL_PASSWORD = re.compile(rb"://[^\s/?#@:\"'<>]*:[^\s/?#@\"'<>]*@")
_ESCAPED = re.compile(rb"\\u00[2-7]")
_API_KEY = re.compile(
    rb"_(?:(?<=gh[oprsu]_)|(?<=hub_pat_)|(?<=k_live_)|(?<=k_test_)|(?<=tocsin_)|(?<=whsec_)|(?<=whsk_)|(?<=npm_))"
)
_SK = re.compile(rb"(?<![A-Za-z0-9])sk-")
_USER = re.compile(rb"-u(?:ser)?[ =]")
_KEY = re.compile(
    rb"key(?:(?<=apikey)|(?<=(?:access|wallet|master)key)|(?<=(?:private|account|storage|signing)key)"
    rb"|(?<=encryptionkey))"
)


def might_hold_secret(data: bytes) -> bool:
    """Whether bytes that hold UTF-8 texts could hold a secret of any kind; never False for one that does, whatever the
    case of its letters and however its digits are grouped."""
    text = data.translate(_FOLD, _SKIPPED)
    # as a chain, and not as a loop: it is asked for every event
    return (
        (_DIGITS in text and _CARD.search(data) is not None)  # ids have many digits too
        or b"eyj" in text
        or (b"key" in text and _KEY.search(text) is not None)
        or (b"_" in data and _API_KEY.search(data) is not None)
        or b"xox" in data
        or b"AIza" in data
        or b"glpat-" in data
        or (b"sk-" in data and _SK.search(data) is not None)
        or b"hooks.slack" in data
        or b"sig=" in text
        or b"signature=" in text
        or b"kty" in text
        or b"seed" in text
        or b"mnemonic" in text
        or (b"IA" in data and (b"AKIA" in data or b"ASIA" in data))
        or (b"-u" in data and _USER.search(data) is not None)
        or b"bearer" in text
        or b"basic" in text
        or b"token" in text
        or b"secret" in text
        or b"pass" in text
        or (b"@" in text and _URL_PASSWORD.search(text) is not None)  # an address of mail beside one of the web is none
        or b"authorization" in text
        or b"cookie" in text
        or b"pwd" in text
        or (b"\\" in data and _ESCAPED.search(data) is not None)
    )


def redact_text(text: str, redaction: Redaction = DEFAULT, *, cards: bool = True) -> str:
    """The text without its secrets; the same object when it has none. `cards`: whether numbers may be card numbers."""
    if len(text) < SHORTEST or (text.isascii() and not might_hold_secret(text.encode())):
        return text
    return gone_through(text, redaction, cards)


def gone_through(text: str, redaction: Redaction = DEFAULT, cards: bool = True) -> str:
    """The same without the quick look before."""
    found = _once(text, redaction, cards)
    if found == text:
        return text
    for _ in range(PASSES):  # what is taken out may have hidden the beginning or the end of another secret
        before, found = found, _once(found, redaction, cards)
        if found == before:
            break
    return found


def _once(text: str, redaction: Redaction, cards: bool) -> str:
    found = SECRET.sub(partial(_shown, redaction, cards), text)
    if "kty" in found and "private-key" not in redaction.keep:
        found = JWK.sub(rf"\g<before>{SHOWN['private_key'][1]}", found)
    return found


def _shown(redaction: Redaction, cards: bool, match: re.Match[str]) -> str:
    """What stands in place of a secret, or the text itself when it is none after all, or kept."""
    group, whole = match.lastgroup or "", match.group()
    kind, mark = SHOWN[group]
    if kind in redaction.keep or (group == "card" and not cards):
        return whole
    if group == "card":
        return _without_card(whole, mark)
    return (match.group("before") or "" if group in WHOLE else match.group(group)) + mark


def _without_card(text: str, mark: str) -> str:
    """The text, digits in groups, without the card number that it begins with, if it does (Luhn)."""
    ends = [at + 1 for at, each in enumerate(text) if each.isdigit()]
    for length in (16, 15, 14, 19, 18, 17, 13):
        if length <= len(ends) and not text[ends[length - 1] :][:1].isdigit() and _luhn(text[: ends[length - 1]]):
            return mark + text[ends[length - 1] :]
    return text


def _luhn(text: str) -> bool:
    digits = [int(each) for each in text if each.isdigit()][::-1]
    return sum(digits[::2]) % 10 == -sum(sum(divmod(2 * each, 10)) for each in digits[1::2]) % 10


def redact_value(value: Any, redaction: Redaction = DEFAULT, *, name: str = "") -> Any:
    """A JSON value without secrets, which stands under `name`; the same object when it has none."""
    match value:
        case str():
            return redact_text(value, redaction, cards=not _is_id(name))
        case bool() | None:
            return value
        case int() if 10**12 <= value < 10**19 and not _is_id(name):
            found = redact_text(str(value), redaction)
            return value if found == str(value) else found
        case list():
            items = [redact_value(each, redaction, name=name) for each in value]
            return value if all(map(_same, items, value)) else items
        case dict():
            private = PRIVATE_OF_JWK if "kty" in value and "private-key" not in redaction.keep else ()
            members = {
                redact_text(key, redaction): MARK
                if each not in (None, "", [], {}, True, False) and (key in private or _is_named(key, redaction))
                else redact_value(each, redaction, name=key)
                for key, each in value.items()
            }
            same = len(members) == len(value) and all(map(_same, members, value))
            return value if same and all(map(_same, members.values(), value.values())) else members
    return value


def _same(one: object, other: object) -> bool:
    return one is other


def _is_named(name: str, redaction: Redaction) -> bool:
    if "named" in redaction.keep:
        return False
    return is_secret_name(name) or name in redaction.members or name.rpartition(".")[2] in redaction.members


_IDS = ("ids", "id", "ack", "sha256", "digest", "case", "traceparent")


def _is_id(name: str) -> bool:
    """Whether a member holds ids: digits in it are no card number."""
    return name.casefold().endswith(_IDS)


def redacted(event: _Event, redaction: Redaction = DEFAULT) -> _Event:
    """The event without secrets, in every text that it has; the same object when it has none."""
    found: _Event = _struct(event, redaction)
    return found


def redact_and_encode(event: _Event, redactions: Redactions) -> tuple[_Event, bytes]:
    """The event without secrets, and its bytes for Kafka. Raises Unencodable."""
    data, redaction = encode(event), redactions(event.tenant)
    if not (redaction.members or might_hold_secret(data)):
        return event, data
    found = redacted(event, redaction)
    return found, data if found is event else encode(found)


def _struct(struct: Any, redaction: Redaction) -> Any:
    changes: dict[str, Any] = {}
    for name in struct.__struct_fields__:
        value = getattr(struct, name)
        found = _field(name, value, redaction)
        if found is not value:
            changes[name] = found
    if isinstance(struct, Item) and struct.key and struct.value and _is_named(struct.key, redaction):
        changes["value"] = MARK
    if isinstance(struct, Problem) and "code" in changes:
        changes |= {"code_key": changes["code"].casefold(), "category": None}
    return msgspec.structs.replace(struct, **changes) if changes else struct


def _field(name: str, value: Any, redaction: Redaction) -> Any:
    match value:
        case bytes():
            return _raw(value, redaction)
        case Struct():
            return _struct(value, redaction)
        case list() if value and isinstance(value[0], Struct):
            items = [_struct(each, redaction) for each in value]
            return value if all(map(_same, items, value)) else items
        case dict() if name == "extensions":
            return _extensions(value, redaction)
    return redact_value(value, redaction, name=name)


def _extensions(extensions: dict[str, str], redaction: Redaction) -> dict[str, str]:
    """Values are JSON text, and stay so."""
    try:
        read = {name: parse_json(text.encode()) for name, text in extensions.items()}
    except (Unreadable, UnicodeEncodeError):
        found: dict[str, str] = redact_value(extensions, redaction)
        return found
    kept = redact_value(read, redaction)
    return extensions if kept is read else {name: json_text(value) for name, value in kept.items()}


def redact_document(raw: bytes, redaction: Redaction = DEFAULT) -> bytes:
    """The bytes of a document without secrets; the same object when it has none."""
    return _raw(raw, redaction) if redaction.members or might_hold_secret(raw) else raw


def _raw(raw: bytes, redaction: Redaction) -> bytes:
    """The original document: as JSON, so that no escape hides a secret; else as text."""
    if not raw:
        return raw
    try:
        document = parse_json(raw)
    except Unreadable:
        text = raw.decode("utf-8", "surrogateescape")
        found = redact_text(text, redaction)
        return raw if found is text else found.encode("utf-8", "surrogateescape")
    kept = redact_value(document, redaction)
    return raw if kept is document else json_text(kept).encode("utf-8", "surrogatepass")
