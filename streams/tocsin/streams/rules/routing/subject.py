"""What problems have in common: the values by which they are grouped, and compared in inhibitions."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256

from tocsin.streams.rules.heard import Heard
from tocsin.streams.rules.policies import GroupBy
from tocsin.streams.rules.routing.matching import protocol_of


def values_of(heard: Heard, subjects: tuple[GroupBy, ...]) -> tuple[str, ...]:
    """The value of each subject, empty for one of which nothing is known (as a label that is not there,
    Alertmanager)."""
    return tuple(_VALUES[subject](heard) or "" for subject in subjects)


def digest_of_values(values: tuple[str, ...]) -> str:
    """One short token for these values."""
    return sha256("\0".join(values).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _record(heard: Heard) -> str:
    source, context = heard.problem.source, heard.context
    kind, identity = source.record_type or context.record_type, source.record_id or context.record_id
    return f"{kind or ''}/{identity}" if identity else ""


_VALUES: dict[GroupBy, Callable[[Heard], str | None]] = {
    "code": lambda heard: heard.problem.code_key or heard.problem.code,
    "category": lambda heard: heard.problem.category,
    "severity": lambda heard: heard.problem.severity.value,
    "scope": lambda heard: heard.problem.scope,
    "protocol": lambda heard: protocol_of(heard.problem) or heard.context.protocol,
    "connection": lambda heard: heard.context.connection or heard.problem.source.connection,
    "peer": lambda heard: heard.peer,
    "thread": lambda heard: heard.problem.thread_id or heard.context.thread_id,
    "parent": lambda heard: heard.problem.parent_thread_id or next(iter(heard.context.parents), None),
    "record": _record,
    "service": lambda heard: heard.problem.source.service,
    "wallet": lambda heard: heard.problem.source.wallet,
    "trust": lambda heard: heard.context.trust,
    "tenant": lambda heard: heard.tenant,
}
