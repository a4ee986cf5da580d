"""Aries RFC 0035 `report-problem/1.0`, also as `notification/1.0`, and under every protocol that adopts the message
(`<protocol>/problem-report` or `/problem_report`). See docs/requirements.md#aries-rfc-0035.

A report without a code is taken, and flagged, if its type says that it is one and it has a text
(docs/requirements.md#b1-18).
"""

from __future__ import annotations

from tocsin.connectors.dialects import didcomm1_writing as out
from tocsin.connectors.dialects.didcomm1 import Spelling, as_problem
from tocsin.connectors.dialects.members import sort_members
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
_TEXT_MEMBERS = ("explain", "comment", "problem-code", "problem_code")


def read(document: object) -> Problem | NotAProblem:
    """A plaintext message as a canonical problem, whatever the case of its names. Raises Unreadable when it has
    neither code nor text, or an id or code that is too long."""
    if not isinstance(document, dict):
        raise Unreadable(UnreadableReason.WRONG_TYPE, expected="an object")
    kind = document.get("@type")
    if isinstance(kind, str) and not is_report(kind):
        return NotAProblem(NAME, "a message of another type")
    known = sort_members(document, SPELLING.own)
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
            "@id": problem.message_id,
            "~thread": out.thread(problem),
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
    """Any DIDComm v1 message; without `@type`, a description with a code, or a `~thread` with a v1 text or code."""
    kind = document.get("@type")
    if isinstance(kind, str):
        return is_report(kind) or (is_message_type(kind) and "@context" not in document)
    if "type" in document or "body" in document or isinstance(document.get("code"), str):
        return False
    description = document.get("description")
    if isinstance(description, dict) and isinstance(description.get("code"), str):
        return True
    return "~thread" in document and any(name in document for name in _TEXT_MEMBERS)


def _is_adopted(kind: object) -> bool:
    """A protocol that adopts the message may say where its code stands (RFC 0023 and 0160: `problem-code`)."""
    return isinstance(kind, str) and not any(f"/{family}" in kind for family in _FAMILIES)
