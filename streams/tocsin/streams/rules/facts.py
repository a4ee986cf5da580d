"""The facts of a problem: one table, field name -> value, for everything that compares problems.

Matchers (routes, silences, inhibition), groups, what two problems have in common and what makes them identical all read
it. An expression (CEL) sees the same problem and context as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from hashlib import sha256
from typing import Any

import msgspec

from tocsin.connectors.dialects.codes import fold_code, has_token_prefix
from tocsin.connectors.dialects.notification import HOPS
from tocsin.schemas.events import ThreadContext
from tocsin.schemas.problem import Problem

CLIP = 2048
"""Characters of a text that an expression sees."""

MAX_LISTED = 50
"""Entries of a list or a mapping that an expression sees."""

MAX_DIGITS = 9

RESOURCES = "me.res"

REPORT_DIALECTS = frozenset({"didcomm-2.0", "aries-1.0", "hipe"})
"""Dialects in which peers report problems to us: such a report is not answered with one."""

NO_CONTEXT = ThreadContext(first_seen=0, last_seen=0)
"""What is known of a thread of which nothing is known."""


class Facts:
    """What is asked of one problem of a tenant in its context; `peer` is the other side."""

    def __init__(
        self, problem: Problem, tenant: str, context: ThreadContext = NO_CONTEXT, peer: str | None = None
    ) -> None:
        self.problem, self.tenant, self.context = problem, tenant, context
        self.peer = peer or context.connection or problem.source.connection or problem.source.sender

    def get(self, field: str) -> str | None:
        """The value of a field of FIELDS; None when nothing is known of it."""
        return FIELDS[field](self)

    @cached_property
    def document(self) -> dict[str, Any]:
        """What an expression sees: `problem`, `thread` and `tenant`, bounded."""
        return {
            "problem": _bounded(msgspec.to_builtins(self.problem)),
            "thread": _bounded(msgspec.to_builtins(self.context)),
            "tenant": self.tenant,
        }


def protocol_of(problem: Problem) -> str | None:
    """The protocol that the problem is about, or that its message belongs to."""
    return problem.source.protocol or (problem.message_type or "").rpartition("/")[0] or None


def hops_of(problem: Problem) -> int:
    """How many other buses the problem has passed; 0 when it came from none, or says something that is no count."""
    stated = problem.extensions.get(HOPS, "") if problem.extensions else ""
    return int(stated) if stated.isascii() and stated.isdigit() and len(stated) <= MAX_DIGITS else 0


def is_shortage(problem: Problem) -> bool:
    """Whether resources run short (category `me.res`), at whosever side."""
    return has_token_prefix(fold_code(problem.category or ""), RESOURCES)


def is_stated(problem: Problem) -> bool:
    """Whether the problem says in which thread it is. A thread that is only the report's own id says nothing: both
    versions of DIDComm take that when nothing is stated."""
    own = problem.thread_id
    return own is not None and not problem.thread_id_derived and own != problem.message_id


def _thread(facts: Facts) -> str | None:
    """The thread that the problem is about: in DIDComm v2 a report may be in a message of its own."""
    own, found = facts.problem.thread_id, facts.context.thread_id
    if is_stated(facts.problem):
        return own
    return (found if found != own else None) or facts.problem.parent_thread_id or own


def _record(facts: Facts) -> str | None:
    kind, identity = _record_type(facts), _record_id(facts)
    return f"{kind or ''}/{identity}" if identity else None


def _record_type(facts: Facts) -> str | None:
    return facts.problem.source.record_type or facts.context.record_type


def _record_id(facts: Facts) -> str | None:
    return facts.problem.source.record_id or facts.context.record_id


FIELDS: dict[str, Callable[[Facts], str | None]] = {
    "code": lambda facts: facts.problem.code_key or facts.problem.code,
    "category": lambda facts: facts.problem.category,
    "severity": lambda facts: facts.problem.severity.value,
    "scope": lambda facts: facts.problem.scope,
    "protocol": lambda facts: protocol_of(facts.problem) or facts.context.protocol,
    "connection": lambda facts: facts.context.connection or facts.problem.source.connection,
    "trust": lambda facts: facts.context.trust,
    "peer": lambda facts: facts.peer,
    "sender": lambda facts: facts.problem.source.sender,
    "thread": _thread,
    "thread_id": lambda facts: facts.problem.thread_id,
    "parent": lambda facts: facts.problem.parent_thread_id or next(iter(facts.context.parents), None),
    "record": _record,
    "record_type": _record_type,
    "record_id": _record_id,
    "job": lambda facts: facts.problem.source.job or facts.context.job,
    "instance": lambda facts: facts.problem.http.instance if facts.problem.http else None,
    "side": lambda facts: facts.problem.source.side,
    "service": lambda facts: facts.problem.source.service,
    "wallet": lambda facts: facts.problem.source.wallet,
    "text": lambda facts: facts.problem.text,
    "tenant": lambda facts: facts.tenant,
}
"""Field -> its value for one problem."""


def values_of(facts: Facts, fields: Iterable[str]) -> tuple[str, ...]:
    """The value of each field, empty for one of which nothing is known (as a label that is not there, Alertmanager)."""
    return tuple([FIELDS[field](facts) or "" for field in fields])


def digest_of_values(values: tuple[str, ...]) -> str:
    """One short token for these values."""
    return sha256("\0".join(values).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _bounded(value: Any) -> Any:
    if isinstance(value, str):
        return value[:CLIP]
    if isinstance(value, list):
        return [_bounded(one) for one in value[:MAX_LISTED]]
    if isinstance(value, dict):
        return {key[:CLIP]: _bounded(one) for key, one in list(value.items())[:MAX_LISTED]}
    return value
