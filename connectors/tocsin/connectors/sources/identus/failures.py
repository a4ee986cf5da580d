"""What a record of the Cloud Agent says of its last failure, as a problem.

`metaLastFailure` is the agent's ErrorResponse (RFC 9457), `metaRetries` how many tries are left: with 0 the record is
given up for good, and the code is that of the agent's own decision (docs/requirements.md#a16). The `instance` that the
agent gives is a new one each time that it writes the record, also in the two webhooks of one event: it names nothing,
and is left out. Of the record itself nothing is kept: it holds claims and credentials.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from tocsin.connectors.catalogue.categories import as_catalogued
from tocsin.connectors.dialects import NotAProblem, Unreadable, rfc9457
from tocsin.connectors.dialects.answers import as_number
from tocsin.connectors.dialects.canonical import complete
from tocsin.connectors.dialects.json_text import json_text
from tocsin.connectors.sources.identus.states import Failed
from tocsin.schemas.problem import MAX_RETRIES, RETRIES_LEFT, Item, Problem, RetryParty, Severity

UNTOLD = "e.p.error"
"""The code of a failure of which only a text is told, as early releases did."""

MEMBER = "metaLastFailure"
MAX_TEXT = 4096
"""Characters of a text of a failure; the rest is cut off, since two events of a record hold it."""
_RANDOM_INSTANCE = re.compile(r"error:instance:[0-9a-f-]{36}", re.IGNORECASE)


class Failure(Struct, frozen=True, kw_only=True):
    """What was read of a failure: the problem, without its context, and the document (JSON) that is kept of it."""

    problem: Problem
    raw: bytes


class Retries(Struct, frozen=True):
    """What the record says of the tries to come: how many (None: not said), and when the next is."""

    left: int | None = None
    next_at: str | None = None

    @property
    def over(self) -> bool:
        """Whether there is none."""
        return self.left is not None and self.left <= 0

    @property
    def go_on(self) -> bool:
        """Whether there are some."""
        return self.left is not None and self.left > 0


def retries_of(data: Mapping[str, Any]) -> Retries:
    """What the record says of the tries to come."""
    following = data.get("metaNextRetry")
    return Retries(as_number(data.get("metaRetries")), following if isinstance(following, str) else None)


def failure_of(data: Mapping[str, Any], retries: Retries) -> Failure | None:
    """The last failure that a record says; None for none, and for what is neither an object nor a text. Raises
    Unreadable."""
    said = data.get(MEMBER)
    if isinstance(said, str) and said.strip():
        document: dict[str, Any] = {"detail": said[:MAX_TEXT], "code": UNTOLD}
    elif isinstance(said, dict) and said:
        document = {name: value[:MAX_TEXT] if isinstance(value, str) else value for name, value in said.items()}
        if isinstance(instance := document.get("instance"), str) and _RANDOM_INSTANCE.fullmatch(instance):
            del document["instance"]
    else:
        return None
    try:
        read = rfc9457.read(document)
    except Unreadable as error:
        raise Unreadable(error.reason, f"/data/{MEMBER}{error.pointer}", error.expected) from None
    if isinstance(read, NotAProblem):
        return None
    return Failure(problem=_weighed(read, retries), raw=json_text(document).encode("utf-8", "surrogatepass"))


def failed_state(failed: Failed, failure: Failure | None) -> Problem:
    """The problem of a record that stays in such a state, with the members of the last failure that it says."""
    said = None if failure is None else failure.problem.http
    made = complete(Problem(dialect="canonical", code=failed.code, text=failed.text, http=said))
    return as_catalogued(msgspec.structs.replace(made, retry_party=RetryParty.NONE))


def _weighed(problem: Problem, retries: Retries) -> Problem:
    """As bad as the tries that are left make it."""
    items = list(problem.items)
    if retries.left is not None:
        items = [Item(key=RETRIES_LEFT, value=str(max(0, retries.left))), *items]
    if retries.next_at is not None:
        items.append(Item(key="next_retry", value=retries.next_at))
    problem = msgspec.structs.replace(problem, items=items)
    if retries.over:
        given_up = msgspec.structs.replace(
            problem, code=MAX_RETRIES, code_key="", category=None, scope=None, severity=Severity.ERROR,
            retry_party=RetryParty.NONE,
        )  # fmt: skip
        return as_catalogued(complete(given_up, severity_stated=True))
    if retries.go_on:
        problem = msgspec.structs.replace(problem, severity=Severity.WARNING, retry_party=RetryParty.REPORTER)
    return as_catalogued(problem)
