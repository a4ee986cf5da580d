"""What the members of a written DIDComm v2 report are made of, for problems of any dialect."""

from __future__ import annotations

import re

from tocsin.connectors.dialects.codes import DESCRIPTORS, fold_code, parse_code
from tocsin.connectors.dialects.interpolation import interpolate
from tocsin.schemas.problem import Problem

MAX_STATE = 32
"""A longer name of a state is not written into a code: the whole must stay short."""
_V1_DIALECTS = ("hipe", "aries-1.0")


def thread_of(problem: Problem) -> str | None:
    """The thread in which the problem occurred. A v1 report is sent in that thread, and says so in `thid`."""
    if problem.dialect in _V1_DIALECTS and problem.thread_id and not problem.thread_id_derived:
        return problem.thread_id
    return problem.parent_thread_id or problem.thread_id


def comment_of(problem: Problem) -> tuple[str | None, list[str]]:
    """Comment and arguments; a text that only looks like a template is the argument of one."""
    if problem.text_template:
        return problem.text_template, list(problem.args)
    if problem.text and interpolate(problem.text, []) != problem.text:
        return "{1}", [problem.text]
    return problem.text, []


def built_code(problem: Problem) -> str:
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
