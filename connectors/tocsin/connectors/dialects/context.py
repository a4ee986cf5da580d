"""What a problem is about, said beside its document: its thread, connection, record, job, and whose side it stood on.

One naming scheme: the fields of ProblemContext are the query parameters (`record_id`), the headers (`Tocsin-Record-Id`)
and the members of an envelope's `context`. RFC 9457 has no members for these: extension members with usual names
(USUAL) count. What the document itself says wins; a contradiction is flagged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from tocsin.connectors.dialects.members import MAX_ID_LENGTH, distinct, escape, fold, names_nothing
from tocsin.connectors.dialects.reading import Unreadable, UnreadableReason
from tocsin.schemas.problem import Problem, Source, Violation

MAX_CONTEXT = 2048
"""Characters of a value that is no id of a thread or a request: a long-form DID is longer than any id."""
MAX_RECIPIENTS = 256
SIDES = ("own", "peer")
"""Whose side a problem stood on: our own domain, or the other party's."""
CONTRADICTED = "context-contradicted"
"""The violation of a document that says something else than the context beside it."""


class ProblemContext(Source, frozen=True, kw_only=True):
    """What a publisher knows of a problem and its document does not say: its source, threads and request."""

    thread_id: str | None = None
    parent_thread_id: str | None = None
    request_id: str | None = None


NO_CONTEXT = ProblemContext()
"""What a publisher says who says nothing."""

FIELDS = ("thread_id", "parent_thread_id", "request_id", *Source.__struct_fields__)
"""The names of all that can be said, in their order."""

USUAL = {
    "thid": "thread_id",
    "threadId": "thread_id",
    "pthid": "parent_thread_id",
    "parentThreadId": "parent_thread_id",
    "connectionId": "connection",
    "recordType": "record_type",
    "recordId": "record_id",
    "walletId": "wallet",
    "jobId": "job",
    "requestId": "request_id",
    "correlationId": "request_id",
    "traceId": "request_id",
}
"""Usual names of extension members, in camel, snake or kebab case -> the field that they say; of several names of one
field the first in this order counts."""

_USUAL = {fold(name): (place, name_of) for place, (name, name_of) in enumerate(USUAL.items())}
_SPELLINGS = {fold(name): of for name, of in USUAL.items()} | {fold(name): name for name in FIELDS}
_IDS = frozenset({"thread_id", "parent_thread_id", "request_id"})
_OF_PROBLEM: dict[str, Callable[[Problem], object]] = {
    # A thread that is only the message's own id is not stated: both versions of DIDComm take that by default.
    "thread_id": lambda said: None if said.thread_id_derived or said.thread_id == said.message_id else said.thread_id,
    "parent_thread_id": lambda said: said.parent_thread_id,
    "request_id": lambda said: said.request_id,
}


def near_field(name: str) -> str | None:
    """The field that a name says in another spelling (`recordId`, `RECORD-ID`, `thid`), None if it says none."""
    return _SPELLINGS.get(fold(name))


def read_context(members: Mapping[str, object]) -> ProblemContext:
    """The context that these members say, in any spelling (`recordId`); empty ones count as absent, whole numbers as
    their digits. Raises Unreadable naming the member that is unknown, too long, not what it should be, or said twice in
    two ways."""
    said: dict[str, Any] = {}
    for name, value in sorted(members.items()):
        field = near_field(name)
        pointer = f"/context/{escape(name)}" if len(name) <= MAX_ID_LENGTH else "/context"
        if field is None:
            raise Unreadable(UnreadableReason.WRONG_TYPE, pointer, f"only the members {', '.join(FIELDS)}")
        if value not in (None, "", []):
            checked = _checked(field, value)
            if said.setdefault(field, checked) != checked:
                raise Unreadable(UnreadableReason.WRONG_TYPE, pointer, "one value")
    return ProblemContext(**said)


def with_context(problem: Problem, context: ProblemContext) -> Problem:
    """The problem with what the context says and the document does not. What both say differently is the document's,
    and flagged as `context-contradicted`."""
    if context == NO_CONTEXT:
        return problem
    stated = {name: value for name in FIELDS if (value := getattr(context, name))}
    top: dict[str, Any] = {}
    source: dict[str, Any] = {}
    against: list[Violation] = []
    for name, value in stated.items():
        own = _stated(problem, name)
        if not own:
            (top if name in _OF_PROBLEM else source)[name] = value
        elif own != value and (name != "recipients" or set(own) != set(value)):
            against.append(Violation(rule=CONTRADICTED, pointer=f"/context/{name}"))
    if top.get("thread_id") in (problem.parent_thread_id, None):
        top.pop("thread_id", None)  # a report of DIDComm v2 names as its parent the thread that it is about
    else:
        top["thread_id_derived"] = False
    named = [top.get("parent_thread_id"), top.get("thread_id")]
    if any(named):
        top["context_ids"] = distinct([*named, *problem.context_ids])
    if source:
        top["source"] = msgspec.structs.replace(problem.source, **source)
    if against:
        top |= {"violations": [*problem.violations, *against], "conformant": False}
    return msgspec.structs.replace(problem, **top) if top else problem


def context_in(problem: Problem) -> dict[str, object]:
    """What the problem says of its context, by the names in FIELDS: of its document, or of what stood beside it."""
    said = {name: _stated(problem, name) for name in FIELDS}
    return {name: value for name, value in said.items() if value}


def usual_members(members: Mapping[str, object], violations: list[Violation]) -> ProblemContext:
    """The context that extension members with usual names say; what can be none is flagged and says nothing."""
    found: dict[str, tuple[int, object]] = {}
    for name, value in members.items():
        place, of = _USUAL.get(fold(name), (0, None))
        if of is None or value in (None, ""):
            continue
        try:
            said = _checked(of, value)
        except Unreadable:
            violations.append(Violation(rule="context-not-usable", pointer=f"/{escape(name)}"))
            continue
        if of not in found or place < found[of][0]:
            found[of] = (place, said)
    return ProblemContext(**{name: value for name, (_, value) in found.items()})  # type: ignore[arg-type]


def is_usable(member: str, value: object) -> bool:
    """Whether an extension member says no context, or some that `usual_members` can use."""
    violations: list[Violation] = []
    usual_members({member: value}, violations)
    return not violations


def is_usable_as(field: str, value: object) -> bool:
    """Whether a value can be what a field of the context says."""
    try:
        _checked(field, value)
    except Unreadable:
        return False
    return True


def _stated(problem: Problem, name: str) -> Any:
    return _OF_PROBLEM[name](problem) if name in _OF_PROBLEM else getattr(problem.source, name)


def _checked(name: str, value: object) -> Any:
    """The value of one field. Raises Unreadable."""
    if name == "recipients":
        texts = value if isinstance(value, list) else [value]
        if len(texts) > MAX_RECIPIENTS:
            raise Unreadable(UnreadableReason.TOO_LONG, f"/context/{name}", f"at most {MAX_RECIPIENTS} recipients")
        return distinct([_text(name, text) for text in texts])
    text = _text(name, value)
    if name == "side" and text not in SIDES:
        raise Unreadable(UnreadableReason.WRONG_TYPE, "/context/side", f"one of {', '.join(SIDES)}")
    return text


def _text(name: str, value: object) -> str:
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str):
        raise Unreadable(UnreadableReason.WRONG_TYPE, f"/context/{name}", "a string")
    longest = MAX_ID_LENGTH if name in _IDS else MAX_CONTEXT
    if len(text) > longest:
        raise Unreadable(UnreadableReason.TOO_LONG, f"/context/{name}", f"at most {longest} characters")
    if name in _IDS and text and names_nothing(text):
        raise Unreadable(UnreadableReason.WRONG_TYPE, f"/context/{name}", "an id, with a letter or a digit")
    if not text.isprintable():
        raise Unreadable(UnreadableReason.WRONG_TYPE, f"/context/{name}", "a string without control characters")
    return text
