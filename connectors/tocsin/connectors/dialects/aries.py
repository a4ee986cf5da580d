"""Aries RFC 0035 `report-problem/1.0`, also as `notification/1.0`, and under every protocol that adopts the message
(`<protocol>/problem-report` or `/problem_report`). See docs/requirements.md#aries-rfc-0035.

A report without a code is taken, and flagged, if its type says that it is one and it has a text
(docs/requirements.md#b1-18).
"""

from __future__ import annotations

from tocsin.connectors.dialects import didcomm1_writing as out
from tocsin.connectors.dialects.didcomm1 import Spelling, as_problem, sort_report, type_of
from tocsin.connectors.dialects.members import folded_names, usable_id
from tocsin.connectors.dialects.message_types import NEW_PREFIX, is_message_type, is_report
from tocsin.connectors.dialects.reading import NotAProblem, Unreadable, UnreadableReason, Unwritable
from tocsin.connectors.dialects.values import as_uri
from tocsin.connectors.dialects.wording import read_wording
from tocsin.schemas.problem import Problem

NAME = "aries-1.0"
MESSAGE_TYPE = f"{NEW_PREFIX}report-problem/1.0/problem-report"
SPELLING = Spelling(
    NAME,
    frozenset(
        {
            *("@type", "@id", "~thread", "~l10n", "description", "description~l10n", "problem_items", "who_retries"),
            *("fix_hint", "fix_hint~l10n", "impact", "where", "noticed_time", "tracking_uri", "escalation_uri"),
            *("explain", "explain~l10n", "comment", "comment~l10n", "problem-code"),  # RFC 0023, 0043, 0160
        }
    ),
    ("description", "explain", "explain-ltxt", "friendly-ltxt", "comment"),
)
_FAMILIES = ("report-problem/", "notification/")
_TEXT_MEMBERS = frozenset({"explain", "comment", "problemcode"})
_OF_RFC9457 = frozenset({"title", "status", "detail"})
_OF_V1 = frozenset({*_TEXT_MEMBERS, "description", "~thread"})
"""Folded names by which a report is one of v1 though its `type` is spelt as in v2."""


def read(document: object) -> Problem | NotAProblem:
    """A plaintext message as a canonical problem, whatever the case of its names. Raises Unreadable when it has
    neither code nor text, or an id or code that is too long."""
    known = sort_report(document, SPELLING)
    if isinstance(known, NotAProblem):
        return known
    kind = known.slots.get("@type")
    wording = read_wording(known, SPELLING.texts)
    if wording.code is None and (wording.text is None or not isinstance(kind, str)):
        raise Unreadable(UnreadableReason.MISSING_MEMBER, "/description/code", "a problem code")
    if not isinstance(kind, str):
        known.flag("required-member-missing", "@type")
    if wording.code is None or (wording.code_slot != "description" and not _is_adopted(kind)):
        known.flag("required-member-missing", "description", "code")
    return as_problem(known, wording, SPELLING)


def write(problem: Problem) -> dict[str, object]:
    """The problem as a strictly conformant message; `@id` is the report's own, if it has one, else its sender adds it.
    Raises Unwritable without a code, the only member that RFC 0035 requires."""
    if not problem.code:
        raise Unwritable(NAME, "code", "description.code is required")
    catalogue = out.catalogue(problem)
    return out.without_empties(
        {
            "@type": out.message_type(problem, NEW_PREFIX, MESSAGE_TYPE),
            "@id": usable_id(problem.message_id),
            "~thread": out.thread(problem, NAME),
            "~l10n": {"catalog": catalogue} if catalogue else None,
            "description": out.texts(problem),
            "problem_items": out.items(problem),
            "who_retries": out.who_retries(problem),
            "fix_hint": out.hints(problem),
            "impact": out.impact(problem),
            "where": out.where(problem),
            "noticed_time": out.noticed(problem),
            "tracking_uri": as_uri(problem.tracking_uri),
            "escalation_uri": as_uri(problem.escalation_uri),
        }
    )


def looks_like(document: dict[str, object]) -> bool:
    """Any DIDComm v1 message, also with a `type` for its `@type`; without any, a description with a code, or a
    `~thread` with a v1 text or code."""
    kind = type_of(document)
    if kind is None:
        return "type" not in document and not _is_of_v2(document) and _is_untyped(document)
    names = folded_names(document)
    if "@type" in names:
        return is_report(kind) or (is_message_type(kind) and "@context" not in document)
    if _is_of_v2(document) or not is_report(kind):
        return False
    return not names.isdisjoint(_OF_V1) and names.isdisjoint(_OF_RFC9457)


def _is_of_v2(document: dict[str, object]) -> bool:
    return "body" in document or isinstance(document.get("code"), str)


def _is_untyped(document: dict[str, object]) -> bool:
    description = document.get("description")
    if isinstance(description, dict) and isinstance(description.get("code"), str):
        return True
    names = folded_names(document)
    return "~thread" in names and not names.isdisjoint(_TEXT_MEMBERS)


def _is_adopted(kind: object) -> bool:
    """A protocol that adopts the message may say where its code stands (RFC 0023 and 0160: `problem-code`)."""
    return isinstance(kind, str) and not any(f"/{family}" in kind for family in _FAMILIES)
