"""Reading what reports of DIDComm v1 have in common: the Indy HIPE and RFC 0035 differ in names, not in facts.

Each fact is taken from whichever known member holds it; what has another shape is flagged and kept as an extension.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec import Struct

from tocsin.connectors.dialects.answers import kept_value
from tocsin.connectors.dialects.codes import MAX_CODE_LENGTH, Code, parse_code
from tocsin.connectors.dialects.json_text import json_text
from tocsin.connectors.dialects.members import (
    L10N,
    MAX_ID_LENGTH,
    Known,
    as_extensions,
    distinct,
    escape,
    fold,
    names_nothing,
    sort_members,
)
from tocsin.connectors.dialects.message_types import is_message_type, is_report
from tocsin.connectors.dialects.reading import NotAProblem, Unreadable, UnreadableReason
from tocsin.connectors.dialects.values import is_date, is_uri, read_time, retry_party_of, scope_of_impact, take_place
from tocsin.connectors.dialects.wording import Wording, read_languages
from tocsin.schemas.problem import Item, Problem, Source, Violation

MAX_TEXT = 4096
"""A longer text is flagged (docs/reliability.md#limits)."""

_MISSPELT = ("~i10n", "i10n")
_TYPE_OF_V2 = re.compile(r"report-?problem/2\.[0-9.]+/", re.IGNORECASE)


class Spelling(Struct, frozen=True):
    """How a dialect names things: `own` are the names that its text uses, `texts` the slots of the text, best first."""

    name: str
    own: frozenset[str]
    texts: tuple[str, ...]


def type_of(document: Mapping[str, object]) -> str | None:
    """The type of a message: `@type`, however it is spelt, else a `type` that can be one."""
    kind = document.get("@type")
    if isinstance(kind, str):
        return kind
    for name, value in document.items():
        if "@" in name and fold(name) == "@type" and isinstance(value, str):
            return value
    kind = document.get("type")
    return kind if isinstance(kind, str) and (is_report(kind) or is_message_type(kind)) else None


def sort_report(document: object, spelling: Spelling) -> Known | NotAProblem:
    """The members of a message by slot, or that it is of another type than a report. Raises Unreadable(wrong_type)."""
    if not isinstance(document, dict):
        raise Unreadable(UnreadableReason.WRONG_TYPE, expected="an object")
    kind = type_of(document)
    if kind is not None and not is_report(kind):
        return NotAProblem(spelling.name, "a message of another type")
    if kind is None and "type" in document:
        # What is no message type stays a member that nobody knows.
        known = sort_members({name: value for name, value in document.items() if name != "type"}, spelling.own)
        known.rest["type"] = document["type"]
        return known
    known = sort_members(document, spelling.own)
    if kind is not None and "/2." in kind and _TYPE_OF_V2.search(kind):
        known.flag("type-of-another-version", "@type")
    return known


def take_id(members: dict[str, object], name: str, at: str, violations: list[Violation]) -> str | None:
    """Remove a member that names a message or thread; one that cannot is flagged and left. Raises
    Unreadable(too_long)."""
    value = members.get(name)
    if isinstance(value, str):
        del members[name]
        if len(value) > MAX_ID_LENGTH:
            raise Unreadable(UnreadableReason.TOO_LONG, f"{at}/{name}", f"at most {MAX_ID_LENGTH} characters")
        if value and names_nothing(value):
            members[name] = value
            violations.append(Violation(rule="id-names-nothing", pointer=f"{at}/{escape(name)}"))
            return None
        return value or None
    if value is not None:
        violations.append(Violation(rule="not-a-string", pointer=f"{at}/{name}"))
    return None


def as_problem(known: Known, wording: Wording, spelling: Spelling) -> Problem:
    """The canonical problem of sorted members and their wording. Raises Unreadable: an id or a code is too long."""
    message_id = take_id(known.slots, "@id", "", known.violations)
    if "@id" in known.slots:
        known.rest[known.spelt["@id"]] = known.slots["@id"]
    thid, pthid = _thread(known)
    thid = thid or take_id(known.slots, "thid", "", known.violations)
    pthid = pthid or take_id(known.slots, "pthid", "", known.violations)
    code = _code(known, wording)
    retries, impact = known.text("who-retries"), known.text("impact")
    folded_impact = scope_of_impact(known, impact)
    place = take_place(known)
    noticed_at = _noticed(known)
    items, fix_hint = _items(known), read_languages(known, "fix-hint")
    tracking, escalation = _uri(known, "tracking-uri"), _uri(known, "escalation-uri")
    message_type = known.text("@type")
    retry_party = retry_party_of(known, retries)
    source = Source(sender=known.text("from"), recipients=_recipients(known))
    _leave_rest(known)
    return Problem(
        dialect=spelling.name,
        conformant=not known.violations,
        violations=known.violations,
        code=code.text,
        code_key=code.key,
        category=code.category,
        severity=code.severity,
        scope=folded_impact or code.scope,
        impact=impact,
        message_id=message_id,
        message_type=message_type,
        thread_id=thid or message_id,
        thread_id_derived=thid is None and message_id is not None,
        parent_thread_id=pthid,
        context_ids=distinct([pthid, thid]),
        text=wording.text,
        localized=wording.localized,
        items=items,
        who_retries=retries,
        retry_party=retry_party,
        fix_hint=fix_hint,
        where_party=place.party,
        where_place=place.place,
        noticed_at=noticed_at,
        time_source=None if noticed_at is None else known.spelt["noticed-time"],
        tracking_uri=tracking,
        escalation_uri=escalation,
        source=source,
        extensions=as_extensions(("", known.rest)),
    )


def _thread(known: Known) -> tuple[str | None, str | None]:
    thread = known.slots.get("thread")
    if thread is None:
        return None, None
    if not isinstance(thread, dict):
        known.refuse("not-an-object", "thread")
        return None, None
    name = known.spelt["thread"]
    members, at = dict(thread), f"/{escape(name)}"
    ids = take_id(members, "thid", at, known.violations), take_id(members, "pthid", at, known.violations)
    known.rest.update({f"{name}.{key}": value for key, value in members.items()})
    return ids


def _code(known: Known, wording: Wording) -> Code:
    """The code taken apart; "" stands for a report that has only a text. The grammar of v2 binds only what looks like
    a code of v2 (docs/requirements.md#b1-3)."""
    code = parse_code(wording.code or "")
    slot = wording.code_slot or "problem-code"
    if len(code.text) > MAX_CODE_LENGTH:
        pointer = f"/{escape(known.spelt.get(slot, slot))}"
        raise Unreadable(UnreadableReason.TOO_LONG, pointer, f"a code of at most {MAX_CODE_LENGTH} characters")
    if code.stated_scope:
        for rule in code.violations:
            known.flag(rule, slot, None if slot == "problem-code" else "code")
    if wording.text is not None and len(wording.text) > MAX_TEXT:
        known.flag("text-too-long", wording.text_slot or slot)
    return code


def _noticed(known: Known) -> int | None:
    said = known.slots.get("noticed-time")
    if said is None:
        return None
    at, rule = read_time(said)
    if at is None:
        known.refuse("not-a-time", "noticed-time")
    elif rule is not None:
        known.flag(rule, "noticed-time")
    if at is not None and is_date(said):
        known.rest[known.spelt["noticed-time"]] = said  # so that it is written as a day again
    return at


def _uri(known: Known, slot: str) -> str | None:
    """Verbatim, also when it is none (docs/requirements.md#b1-19: nothing is dialled because a report says so)."""
    said = known.text(slot)
    if said is not None and not is_uri(said):
        known.flag(f"{slot}-not-a-uri", slot)
    return said


def _items(known: Known) -> list[Item]:
    """Items in each form in use: a list of one-pair maps (HIPE, RFC 0035), of strings (Credo), one map (Identus)."""
    said = known.slots.get("problem-items")
    if said is None:
        return []
    if not isinstance(said, list):
        known.flag("not-a-list", "problem-items")
    pairs = [entry for entry in (said if isinstance(said, list) else [said]) if isinstance(entry, dict)]
    if any(not isinstance(value, str) for entry in pairs for value in entry.values()):
        known.rest[known.spelt["problem-items"]] = said  # items are text: what is not keeps its type here
    items: list[Item] = []
    for position, entry in enumerate(said if isinstance(said, list) else [said]):
        if isinstance(entry, dict):
            if isinstance(said, list) and len(entry) != 1:
                known.flag("not-one-pair", "problem-items", str(position))
            items.extend(Item(key=key, value=_item_text(value)) for key, value in entry.items())
        else:
            known.flag("not-one-pair", "problem-items", str(position) if isinstance(said, list) else None)
            items.append(Item(value=_item_text(entry)))
    return items


def _recipients(known: Known) -> list[str]:
    said = known.slots.get("to")
    if isinstance(said, str):
        known.flag("not-a-list", "to")
        return [said]
    if said is None or (isinstance(said, list) and all(isinstance(each, str) for each in said)):
        return said or []
    known.refuse("not-a-list" if not isinstance(said, list) else "not-a-string", "to")
    return []


def typed_items(problem: Problem) -> list[tuple[str | None, object]]:
    """The items as (key, value), each value in the JSON type that it came in."""
    plain: list[tuple[str | None, object]] = [(item.key, item.value) for item in problem.items]
    kept = next((kept_value(problem, name) for name in problem.extensions if fold(name) == "problemitems"), None)
    entries = kept if isinstance(kept, list) else [kept]
    typed: list[tuple[str | None, object]] = []
    for entry in entries:
        typed.extend(entry.items() if isinstance(entry, dict) else [(None, entry)])
    return typed if [(key, _item_text(value)) for key, value in typed] == plain else plain


def _item_text(value: object) -> str:
    return value if isinstance(value, str) else json_text(value)


def _leave_rest(known: Known) -> None:
    """Known members that no field takes stay as extensions; `~i10n`, a misspelling in RFC 0160, is flagged and not used
    (docs/requirements.md#b1-16)."""
    for slot in ("@msg_catalog", L10N):
        if slot in known.slots:
            known.rest[known.spelt[slot]] = known.slots[slot]
    for name in known.rest:
        if fold(name).endswith(_MISSPELT):
            known.violations.append(Violation(rule="decorator-misspelt", pointer=f"/{escape(name)}"))
