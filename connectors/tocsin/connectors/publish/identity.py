"""Which documents, sent again without a key, are one event: those with an id of their own, the same bytes and the same
context beside them.

An id must name this very occurrence. Those of DIDComm messages and of our own JSON do. Elsewhere it has to be unique by
its form: an `instance` of RFC 9457 that is an address of HTTP, or a path, is in practice that of the request, the same
each time; an `id` of JSON-RPC is unique among the requests of one client only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import sha256

import msgspec

from tocsin.connectors.dialects import canonical, dwn, jsonrpc
from tocsin.connectors.dialects.answers import kept_value
from tocsin.connectors.dialects.context import NO_CONTEXT, ProblemContext, context_in
from tocsin.connectors.dialects.members import MAX_ID_LENGTH
from tocsin.schemas.problem import Problem

_UUID = re.compile(r"(?:urn:uuid:)?[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_OCCURRENCE = re.compile(r"(?!https?:)[a-z][a-z0-9+.-]*:.+", re.IGNORECASE | re.DOTALL)


def identity_of(problem: Problem) -> str | None:
    """The id that the problem's document has of its own, None if it has none that names this very occurrence. The
    problem is as it is published, with the context beside the document."""
    if problem.message_id:
        return problem.message_id
    stated = kept_value(problem, "id") if "id" in problem.extensions else None
    own = str(stated) if isinstance(stated, str | int) and not isinstance(stated, bool) else ""
    instance = problem.http.instance if problem.http is not None else None
    if 0 < len(own) <= MAX_ID_LENGTH and (_UUID.fullmatch(own) or _is_unique(problem)):
        return own
    return instance if instance and _OCCURRENCE.fullmatch(instance) else None


def digest_beside(read: Problem, contexts: Iterable[ProblemContext | None]) -> str:
    """A digest of what is said beside a document and not in it (`read` is the document alone); empty if nothing is."""
    beside = [msgspec.structs.asdict(context) for context in contexts if context not in (None, NO_CONTEXT)]
    own = context_in(read) if beside else {}
    said: dict[str, object] = {}
    for context in beside:
        for name, value in context.items():
            told, stated = (sorted(one) if isinstance(one, list) else one for one in (value, own.get(name)))
            if told and told != stated:
                said.setdefault(name, told)
    return sha256(msgspec.json.encode(said, order="deterministic")).hexdigest() if said else ""


def _is_unique(problem: Problem) -> bool:
    """Whether its id, whatever its form, names an occurrence."""
    if problem.dialect in (jsonrpc.NAME, dwn.NAME):
        return bool(problem.source.connection or problem.source.sender)
    return problem.dialect == canonical.NAME
