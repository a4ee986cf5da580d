"""Scenario files: YAML, checked whole (an unknown key is an error), with times as people write them.

Times count from the scenario's start, `START` (a Friday, 08:00 UTC). docs/scenarios.md explains the form.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, TypeVar

import msgspec
from msgspec import Struct, field

from tocsin.connectors.dialects import DIALECTS
from tocsin.schemas.events import EVENTS
from tocsin.streams.rulesfile.document import Unusable, read_document

START = 1_800_000_000_000_000
"""Microseconds since the epoch: Friday 2027-01-15 08:00:00 UTC."""

UNITS = {"us": 1, "ms": 1_000, "s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000}
ACTIVITIES = {"sent": "message_sent", "received": "message_received", "connected": "connection_opened"}
"""Short words for the kinds of activity that scenarios are full of."""

WHAT = ("report", *DIALECTS, *ACTIVITIES, "activity", "command", "silence", "deaf", "rules", "trouble", "exception")
"""What may be given at a time: one of them in each entry of `given`."""

HEADS = ("event", "notify", "dead", "refused", "no problem", "handled", "log")
"""What may follow: one of them in each entry of `then`."""

_NOTIFICATION = frozenset(
    {
        "type",
        "data",
        "body",
        "lane",
        "about",
        "case",
        "content_type",
        "cause",
        "tenant",
        "traceparent",
        "peer",
        "own",
        "connection",
    }
)
_NOT_EVENTS: dict[str, frozenset[str]] = {
    "notify": _NOTIFICATION,
    "dead": frozenset({"stage", "detail", "topic"}),
    "refused": frozenset({"pointer", "expected"}),
    "no problem": frozenset(),
    "handled": frozenset({"action", "code", "to", "signed", "synchronous", "why_ignored", "reply_with", "document"}),
    "log": frozenset({"message", "request_id", "msg_sha256"}),
}
_TROUBLES = ("trouble", "exception")
_MAPPINGS = (*ACTIVITIES, "activity", "command", "silence", "deaf", "rules")
_NEEDED: dict[str, tuple[str, ...]] = {
    "command": ("kind", "target"),
    "deaf": ("since",),
    "silence": ("silence", "starts_at", "ends_at"),
}
"""Texts that cannot be left out."""

_PART = re.compile(r"(\d+)(us|ms|s|m|h|d)")
_SPAN = re.compile(r"(?:\d+(?:us|ms|s|m|h|d))+")


Made = TypeVar("Made", bound=Struct)


class BadScenario(Exception):
    """A scenario file that cannot be used; says file, line and what is wrong."""


class Given(Struct, frozen=True, kw_only=True):
    """Something that happens at `at` (microseconds from the start): `what` it is and `body`, its members."""

    at: int
    what: str
    body: Any
    name: str | None = None
    tenant: str = "acme"
    extra: dict[str, Any] = field(default_factory=dict)


class Then(Struct, frozen=True, kw_only=True):
    """What must happen at `at`: `head` names the kind of line, `value` which one, `wanted` the fields that matter."""

    at: int
    head: str
    value: str
    wanted: dict[str, Any]
    latest: int | None = None
    """Set when the time has a random part: `at` is then the earliest."""


class Scenario(Struct, frozen=True, kw_only=True):
    """One scenario. `rules` is a rules file as data, `settings` are fields of DecideConfig."""

    file: str
    name: str
    features: tuple[str, ...]
    given: tuple[Given, ...]
    then: tuple[Then, ...]
    until: int
    notified: bool = False
    """Whether `then` lists the notifications alone, of all that happens."""
    rules: dict[str, Any] | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    mediation: dict[str, Any] | None = None


_Lines = dict[tuple[str | int, ...], int]


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    scenarios: list[dict[str, Any]]
    rules: dict[str, Any] | None = None
    mediation: dict[str, Any] | None = None


class _Beside(Struct, frozen=True):
    """What stands beside the thing that is given."""

    name: str | None = field(default=None, name="as")
    tenant: str = "acme"
    traceparent: str | None = None
    encrypted: str | None = None
    request_id: str | None = None
    context: dict[str, Any] = field(default_factory=dict)


_BESIDE = frozenset(one.encode_name for one in msgspec.structs.fields(_Beside))


class _Entry(Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    given: list[dict[str, Any]]
    features: list[str] = field(default_factory=list)
    then: list[dict[str, Any]] | None = None
    notified: list[dict[str, Any]] | None = None
    why: str = ""
    until: str | None = None
    rules: dict[str, Any] | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    mediation: dict[str, Any] | None = None


def parse_scenarios(text: str, file: str) -> list[Scenario]:
    """The scenarios in the text of a file. Raises BadScenario with the line of what is wrong."""
    try:
        data, lines = read_document(text)
    except Unusable as unusable:
        raise BadScenario(f"{file}:{unusable.line}: {unusable.message}") from None
    found = _convert(data, _File, f"{file}:1")
    return [
        _scenario(_convert(each, _Entry, f"{file}:{lines[('scenarios', number)]}"), found, file, number, lines)
        for number, each in enumerate(found.scenarios)
    ]


def _scenario(entry: _Entry, found: _File, file: str, number: int, lines: _Lines) -> Scenario:
    def where(part: str, place: int) -> str:
        return f"{file}:{lines[('scenarios', number, part, place)]}"

    if (entry.then is None) == (entry.notified is None):
        where_it_is = f"{file}:{lines[('scenarios', number)]}"
        raise BadScenario(
            f"{where_it_is}: a scenario has `notified` (notifications alone) or `then` (all that happens)"
        )
    given = [_given(one, where("given", place)) for place, one in enumerate(entry.given)]
    then = [_then(one, where("then", place), HEADS) for place, one in enumerate(entry.then or ())]
    then += [_then(one, where("notified", place), ("notify",)) for place, one in enumerate(entry.notified or ())]
    last = max([*(one.at for one in given), *(one.latest or one.at for one in then)], default=0)
    return Scenario(
        file=file,
        name=entry.name,
        features=tuple(entry.features),
        given=tuple(sorted(given, key=lambda one: one.at)),
        then=tuple(then),
        until=last if entry.until is None else span(entry.until),
        notified=entry.notified is not None,
        rules=entry.rules or found.rules,
        settings=entry.settings,
        mediation=entry.mediation or found.mediation,
    )


def _convert(data: object, kind: type[Any], where: str) -> Any:
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        raise BadScenario(f"{where}: {error}") from None


def _given(entry: dict[str, Any], where: str) -> Given:
    rest = dict(entry)
    at = rest.pop("at", None)
    what = [key for key in rest if key in WHAT]
    if at is None or len(what) != 1:
        raise BadScenario(f"{where}: an entry of `given` has `at` and one of {', '.join(WHAT)}")
    body = rest.pop(what[0])
    beside: _Beside = _convert({key: value for key, value in rest.items() if key in _BESIDE}, _Beside, where)
    allowed = {"context", "encrypted", "request_id"} if what[0] in _TROUBLES else {"traceparent"}
    extra = {key: value for key, value in rest.items() if key not in ("as", "tenant")}
    if set(extra) - allowed:
        raise BadScenario(f"{where}: no such key: {', '.join(sorted(set(extra) - allowed))}")
    needed = _NEEDED.get(what[0], ())
    named = body.get("class") if what[0] == "exception" and isinstance(body, dict) else body
    if what[0] in _TROUBLES and not isinstance(named, str):
        raise BadScenario(f"{where}: {what[0]} is a name (or, of an exception, a mapping with class and text)")
    if what[0] in _MAPPINGS and (
        not isinstance(body, dict) or any(not isinstance(body.get(key), str) for key in needed)
    ):
        raise BadScenario(f"{where}: {what[0]} is a mapping" + (f" with {', '.join(needed)}" if needed else ""))
    return Given(at=span(at), what=what[0], body=body, name=beside.name, tenant=beside.tenant, extra=extra)


def _then(entry: dict[str, Any], where: str, known_heads: tuple[str, ...]) -> Then:
    rest = dict(entry)
    at = rest.pop("at", None)
    heads = [key for key in rest if key in known_heads]
    if at is None or len(heads) != 1:
        raise BadScenario(f"{where}: an entry here has `at` and one of {', '.join(known_heads)}")
    head = heads[0]
    value = rest.pop(head)
    if head == "event" and value not in EVENTS:
        raise BadScenario(f"{where}: there is no event {value}")
    known = {*EVENTS[value].__struct_fields__, "code"} if head == "event" else _NOT_EVENTS[head]
    unknown = [key for key in rest if key.partition(".")[0] not in known]
    if unknown:
        raise BadScenario(f"{where}: {value} has no {', '.join(unknown)}; it has {', '.join(sorted(known))}")
    earliest, dots, latest = str(at).partition("..")
    return Then(at=span(earliest), head=head, value=value, wanted=rest, latest=span(latest) if dots else None)


def made(kind: type[Made], members: dict[str, Any]) -> Made:
    """An event of these members. Raises BadScenario for one that it has not, or that does not fit."""
    unknown = set(members) - set(kind.__struct_fields__)
    if unknown:
        raise BadScenario(f"{kind.__name__} has no {', '.join(sorted(unknown))}")
    try:
        return msgspec.convert(members, kind)
    except msgspec.ValidationError as error:
        raise BadScenario(f"{kind.__name__}: {error}") from None


def span(text: object) -> int:
    """`1m30s` in microseconds. Raises BadScenario."""
    if not isinstance(text, str) or not _SPAN.fullmatch(text):
        raise BadScenario(f"{text!r} is no time: write 0s, 1m30s, 2h or 7d")
    return sum(int(count) * UNITS[unit] for count, unit in _PART.findall(text))


def is_span(text: object) -> bool:
    """Whether `span` takes it."""
    return isinstance(text, str) and _SPAN.fullmatch(text) is not None


def say_span(micros: int) -> str:
    """Microseconds in the words of a scenario: `1m30s`, `0s`; with a minus before the start."""
    if micros < 0:
        return f"-{say_span(-micros)}"
    return "".join(_parts(micros)) or "0s"


def _parts(micros: int) -> Iterator[str]:
    for unit in ("d", "h", "m", "s", "ms", "us"):
        count, micros = divmod(micros, UNITS[unit])
        if count:
            yield f"{count}{unit}"
