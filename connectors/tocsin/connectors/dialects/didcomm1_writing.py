"""Writing what reports of DIDComm v1 have in common, strictly: the dialect's own names, no nulls, no empties."""

from __future__ import annotations

import re

from tocsin.connectors.dialects.answers import kept_value
from tocsin.connectors.dialects.didcomm1 import typed_items
from tocsin.connectors.dialects.members import fold, usable_id
from tocsin.connectors.dialects.message_types import NEW_PREFIX, OLD_PREFIX, is_message_type, is_report
from tocsin.connectors.dialects.ordering import order_of_v1
from tocsin.connectors.dialects.values import IMPACTS, PARTIES, as_uri, is_date, read_time, write_time
from tocsin.connectors.dialects.wording import UNDETERMINED, is_language
from tocsin.schemas.problem import Problem, RetryParty

KEYLESS = "item"
"""The name of an item that has none: HIPE and RFC 0035 demand a tagged pair."""
_WHO_RETRIES = {
    RetryParty.RECIPIENT: "you", RetryParty.REPORTER: "me", RetryParty.BOTH: "both", RetryParty.NONE: "none",
}  # fmt: skip
_DIALECTS = ("hipe", "aries-1.0")
_TIMES = ("noticedtime", "timenoticed", "createdtime")
_NAMES = ("problem-report", "problem_report")
_NEVER = re.compile(r"(?:^|[/;])(?:spec/)?(?:report-problem/(?!1\.)|connection/)[^/]*/[^/]*$", re.IGNORECASE)


def message_type(problem: Problem, prefix: str, otherwise: str) -> str:
    """The type under which a report goes out: the adopting protocol's own if it came with it, else `otherwise`; never a
    type of report-problem 2.0, nor `connection/1.0/problem-report`, which ends a connection
    (docs/requirements.md#b4-9)."""
    kind = problem.message_type or ""
    if problem.dialect not in _DIALECTS or not is_message_type(kind) or not is_report(kind) or _NEVER.search(kind):
        return otherwise
    family, _, name = kind.rpartition("/")
    kind = f"{family}/{name if name in _NAMES else _NAMES[0]}"
    for known in (OLD_PREFIX, NEW_PREFIX):
        if kind.startswith(known):
            return prefix + kind.removeprefix(known)
    return kind


def thread(problem: Problem, dialect: str) -> dict[str, object]:
    """The thread decorator, with the order of messages: a thread id that is only the message's own says nothing."""
    thid = None if problem.thread_id_derived else problem.thread_id
    pairs = {"thid": usable_id(thid), "pthid": usable_id(problem.parent_thread_id)}
    return {name: value for name, value in pairs.items() if value} | order_of_v1(problem, dialect)


def texts(problem: Problem) -> dict[str, str]:
    """The text by language, then the code; a text of no stated language has the tag `und` (BCP 47)."""
    written = languages(problem.localized)
    if problem.text and problem.text not in written.values():
        written = {UNDETERMINED: problem.text} | written
    return written | ({"code": problem.code} if problem.code else {})


def languages(localized: dict[str, str]) -> dict[str, str]:
    """The texts whose key can be a language, as BCP 47 writes it (`en-US` for `en_US`): `code` and the like would mean
    something else."""
    tags = {tag: tag.replace("_", "-") for tag, text in localized.items() if text and is_language(tag)}
    return {said: localized[tag] for tag, said in tags.items() if said == tag or said not in localized}


def hints(problem: Problem) -> dict[str, str]:
    """The fix hint by language."""
    return languages(problem.fix_hint)


def items(problem: Problem) -> list[dict[str, object]]:
    """Each item as one pair."""
    return [{key or KEYLESS: value} for key, value in typed_items(problem)]


def who_retries(problem: Problem) -> str | None:
    """The party as the reporter calls it."""
    return _WHO_RETRIES.get(problem.retry_party)


def impact(problem: Problem) -> str | None:
    """The impact if it is one of the three, else the scope if it is."""
    said = (problem.impact or "").strip().casefold()
    folded = {"msg": "message"}.get(said, said)
    return next((value for value in (folded, problem.scope) if value in IMPACTS), None)


def where(problem: Problem) -> str | None:
    """`<party> - <place>`; both are needed."""
    place = (problem.where_place or "").strip()
    return f"{problem.where_party} - {place}" if problem.where_party in PARTIES and place else None


def noticed(problem: Problem) -> str | None:
    """The time, to the millisecond; a day, if a day is what the report said."""
    for name in problem.extensions:
        said = kept_value(problem, name) if fold(name) in _TIMES else None
        if isinstance(said, str) and is_date(said) and read_time(said)[0] == problem.noticed_at:
            return said
    return write_time(problem.noticed_at)


def catalogue(problem: Problem) -> str | None:
    """The catalogue of codes that the report named, in either dialect's way."""
    if "@msg_catalog" in problem.extensions:
        return _catalogue(kept_value(problem, "@msg_catalog"))
    decorator = kept_value(problem, "~l10n")
    if not isinstance(decorator, dict):
        return None
    plural = decorator.get("catalogs")
    return _catalogue(decorator.get("catalog") or (plural[0] if isinstance(plural, list) and plural else None))


def without_empties(document: dict[str, object]) -> dict[str, object]:
    """What says something."""
    return {name: value for name, value in document.items() if value}


def _catalogue(value: object) -> str | None:
    return as_uri(value) if isinstance(value, str) else None
