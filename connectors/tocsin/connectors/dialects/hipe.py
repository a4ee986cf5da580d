"""The Indy HIPE `notification/1.0/problem-report`: kebab-case, `@thread`, `@msg_catalog`, `friendly-ltxt`;
and what its earlier and later revisions wrote (`explain-ltxt`, `comment`, `problem-code`).
See docs/requirements.md#indy-hipe-problem-report.
"""

from __future__ import annotations

from tocsin.connectors.dialects import didcomm1_writing as out
from tocsin.connectors.dialects.didcomm1 import Spelling, as_problem, sort_report, type_of
from tocsin.connectors.dialects.members import Known, folded_names, usable_id
from tocsin.connectors.dialects.message_types import OLD_PREFIX, is_message_type, is_report
from tocsin.connectors.dialects.reading import NotAProblem, Unreadable, UnreadableReason, Unwritable
from tocsin.connectors.dialects.values import as_uri
from tocsin.connectors.dialects.wording import Wording, read_wording
from tocsin.schemas.problem import Problem

NAME = "hipe"
MESSAGE_TYPE = f"{OLD_PREFIX}notification/1.0/problem-report"
SPELLING = Spelling(
    NAME,
    frozenset(
        {
            *("@type", "@id", "@thread", "@msg_catalog", "friendly-ltxt", "friendly_ltxt", "problem-items", "where"),
            *("who-retries", "fix-hint-ltxt", "impact", "time-noticed", "tracking-uri", "escalation-uri"),
            *("escalation_uri", "explain-ltxt", "explain_ltxt", "explain", "comment", "problem-code"),
        }
    ),
    ("friendly-ltxt", "explain-ltxt", "explain", "comment", "description"),
)
_LTXT = frozenset({"friendlyltxt", "explainltxt", "fixhintltxt"})
_HIPE_ONLY = frozenset({"@thread", "@msgcatalog", "timenoticed"})
_UNTYPED = frozenset({"friendlyltxt", "explainltxt"})
"""Folded names of texts that only this dialect has: they mark a message without a type."""


def read(document: object) -> Problem | NotAProblem:
    """A plaintext message as a canonical problem, whatever the case of its names. Raises Unreadable when it has
    neither code nor text, or an id or code that is too long."""
    known = sort_report(document, SPELLING)
    if isinstance(known, NotAProblem):
        return known
    kind = known.slots.get("@type")
    wording = read_wording(known, SPELLING.texts)
    marked = isinstance(kind, str) or not known.slots.keys().isdisjoint(("friendly-ltxt", "explain-ltxt"))
    if wording.code is None and (wording.text is None or not marked):
        raise Unreadable(UnreadableReason.MISSING_MEMBER, "/friendly-ltxt", "a code or a text")
    if not isinstance(kind, str):
        known.flag("required-member-missing", "@type")
    _check_wording(known, wording)
    return as_problem(known, wording, SPELLING)


def write(problem: Problem) -> dict[str, object]:
    """The problem as a strictly conformant message; `@id` is the report's own, if it has one, else its sender adds it.
    Raises Unwritable when there is neither a text nor a code with its catalogue (HIPE "Fields")."""
    texts, catalogue = out.texts(problem), out.catalogue(problem)
    if not texts.keys() - {"code"} and not (problem.code and catalogue):
        raise Unwritable(NAME, "text", "a text, or a code and the catalogue that explains it")
    return out.without_empties(
        {
            "@type": out.message_type(problem, OLD_PREFIX, MESSAGE_TYPE),
            "@id": usable_id(problem.message_id),
            "@thread": out.thread(problem, NAME),
            "@msg_catalog": catalogue,
            "friendly-ltxt": texts,
            "problem-items": out.items(problem),
            "who-retries": out.who_retries(problem),
            "fix-hint-ltxt": out.hints(problem),
            "impact": out.impact(problem),
            "where": out.where(problem),
            "time-noticed": out.noticed(problem),
            "tracking-uri": as_uri(problem.tracking_uri),
            "escalation-uri": as_uri(problem.escalation_uri),
        }
    )


def looks_like(document: dict[str, object]) -> bool:
    """A DIDComm v1 message with names that only HIPE has, or with its `did:sov` type and no name that only RFC 0035
    has; without `@type`, a `*-ltxt` text."""
    kind = type_of(document)
    if (kind is None and "type" in document) or (is_report(kind) and "body" in document):
        return False
    names = folded_names(document)
    if kind is None:
        return "description" not in names and not names.isdisjoint(_UNTYPED)
    if not is_report(kind):
        return "@type" in names and kind.startswith(OLD_PREFIX) and is_message_type(kind)
    if "description" in names:
        # RFC 0035 wrote `description`; one of its reports may borrow a name of HIPE, and stays one of its reports.
        return kind.startswith(OLD_PREFIX) and "friendlyltxt" in names
    if names & _LTXT or not names.isdisjoint(_HIPE_ONLY):
        return True
    return "@type" in names and kind.startswith(OLD_PREFIX)


def _check_wording(known: Known, wording: Wording) -> None:
    """`friendly-ltxt` is required, a map, with a text or a code that `@msg_catalog` explains
    (docs/requirements.md#h15)."""
    friendly = known.slots.get("friendly-ltxt")
    if friendly is None:
        known.flag("required-member-missing", "friendly-ltxt")
    elif not isinstance(friendly, dict):
        known.flag("not-an-object", "friendly-ltxt")
    if wording.text is None and "@msg_catalog" not in known.slots:
        known.flag("required-member-missing", "@msg_catalog")
