"""Writing DIDComm v2 `report-problem/2.0`, strictly."""

from __future__ import annotations

import re

from tocsin.connectors.dialects.codes import DESCRIPTORS, fold_code, parse_code
from tocsin.connectors.dialects.members import usable_id
from tocsin.connectors.dialects.ordering import order_of_v2
from tocsin.connectors.dialects.reading import Unwritable
from tocsin.connectors.dialects.template import REFERENCE
from tocsin.connectors.dialects.values import as_uri
from tocsin.connectors.dialects.wording import is_language
from tocsin.schemas.problem import Problem

NAME = "didcomm-2.0"
MESSAGE_TYPE = "https://didcomm.org/report-problem/2.0/problem-report"
MICROSECONDS = 1_000_000
TOO_LATE = 10**11
"""Seconds; from here on (the year 5138) a time is taken for milliseconds."""
MAX_STATE = 32
"""A longer name of a state is not written into a code: the whole must stay short."""
_V1_DIALECTS = ("hipe", "aries-1.0")


def write(problem: Problem) -> dict[str, object]:
    """The problem as a strictly conformant message without `from` and `to`, which the sender adds, like an `id` where
    the report has none.

    A code that v2 does not allow is replaced by one built from severity, scope, category and the letters and digits of
    the original. A text that only looks like a template goes out as the argument of one. Raises Unwritable when no
    thread is known: `pthid` is required.
    """
    thread = usable_id(_written_thread(problem))
    if not thread:
        raise Unwritable(NAME, "parent_thread_id", "the thread in which the problem occurred")
    code = parse_code(problem.code)
    body: dict[str, object] = {"code": problem.code if not code.violations else _built_code(problem)}
    comment, args = _comment(problem)
    if comment:
        body["comment"] = comment
    if args:
        body["args"] = args
    escalate_to = as_uri(problem.escalation_uri)
    if escalate_to:
        body["escalate_to"] = escalate_to
    message: dict[str, object] = {"type": MESSAGE_TYPE, "pthid": thread, "body": body}
    own = problem.thread_id_derived or problem.thread_id == problem.message_id
    own = own or (problem.dialect != NAME and problem.thread_id == thread)  # what was in a thread of v2 stays in it
    named = {"id": problem.message_id, "thid": None if own else problem.thread_id}
    more = {name: usable_id(ident) for name, ident in named.items()} | {"ack": list(problem.ack)}
    message |= {name: value for name, value in more.items() if value}
    if problem.time_source == "created_time" and 0 <= (problem.noticed_at or -1) < TOO_LATE * MICROSECONDS:
        message["created_time"] = (problem.noticed_at or 0) // MICROSECONDS
    languages = [tag for tag, said in problem.localized.items() if said == problem.text and is_language(tag)]
    if comment and len(languages) == 1:
        message["lang"] = languages[0].replace("_", "-")
    return message | order_of_v2(problem)


def _written_thread(problem: Problem) -> str | None:
    """The thread in which the problem occurred. A v1 report is sent in that thread, and says so in `thid`."""
    if problem.dialect in _V1_DIALECTS and problem.thread_id and not problem.thread_id_derived:
        return problem.thread_id
    return problem.parent_thread_id or problem.thread_id


def _comment(problem: Problem) -> tuple[str | None, list[str]]:
    """Comment and arguments; a text that only looks like a template is the argument of one."""
    if problem.text_template:
        return problem.text_template, list(problem.args)
    if problem.text and REFERENCE.search(problem.text):
        return "{1}", [problem.text]
    return problem.text, []


def _built_code(problem: Problem) -> str:
    """A code that v2 allows from severity, scope, category and the letters and digits of the problem's own."""
    sorter = "w" if problem.severity == "warning" else "e"
    slug = re.sub(r"[^a-z0-9]+", "-", fold_code(problem.code)).strip("-")[:64].strip("-") or "unknown"
    category = problem.category if problem.category in DESCRIPTORS else None
    return ".".join(part for part in (sorter, _built_scope(problem.scope or ""), category, slug) if part)


def _built_scope(scope: str) -> str:
    """The second token: m, p, or the name of a state that can stand there."""
    if scope == "message":
        return "m"
    kind, _, state = scope.partition(":")
    usable = kind == "state" and len(state) <= MAX_STATE and "." not in state and state not in ("p", "m")
    return state if usable and not parse_code(f"e.{state}.x").violations else "p"
