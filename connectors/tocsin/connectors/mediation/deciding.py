"""What a table says to do now: a pure function of the table, the scenario or exception, and the message."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

from msgspec import Struct, field
from msgspec.structs import replace

from tocsin.connectors.dialects.members import MAX_ID_LENGTH
from tocsin.connectors.dialects.message_types import MAX_TYPE, is_report
from tocsin.connectors.mediation.table import PIURI, Action, ExceptionRow, Option, ScenarioTable, behaviour_of
from tocsin.schemas.errors import TocsinError
from tocsin.schemas.problem import RetryParty

MAX_ERROR_TEXT = 200
"""Characters of an exception's text that may go into a report."""

MAX_CAUSES = 8
"""How far back the causes of an exception are looked at."""


_SEPARATORS = re.compile(r"::|[\\/$]")
"""What stands between the parts of a name in Rust, Ruby, PHP, Go and for inner classes of the JVM."""

MAX_ADDRESS = 8192
"""Characters of a DID or another address that a report goes to; some kinds of DID hold a whole document."""


class UnknownScenario(TocsinError):
    """The table has no such scenario, or no such column: a mistake of the caller."""


class ForeignError(Exception):
    """An exception of a service in another language: its class names, its own first, then those of its bases, and its
    code, where the driver has one (`ECONNREFUSED`, an SQLSTATE, `P1001`)."""

    def __init__(self, names: Sequence[str], text: str = "", code: str | None = None) -> None:
        super().__init__(text)
        self.names = tuple(names)
        self.code = code


class Context(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is known of the message in trouble, as far as it could be read.

    `sender` is whom a report would go to, `own` who speaks, `did` the DID that the trouble is about (`next` of a
    forward message); `return_route` as in the message; `values` fill further arguments, such as supported_versions.
    `capabilities` says what the connection can do (`{"live_delivery": False}`), where a table asks for it.
    """

    message_type: str | None = None
    message_id: str | None = None
    thread_id: str | None = None
    sender: str | None = None
    own: str | None = None
    did: str | None = None
    return_route: str | None = None
    values: dict[str, str] = field(default_factory=dict)
    capabilities: dict[str, bool] = field(default_factory=dict)


class Decision(Struct, frozen=True, kw_only=True):
    """What to do. `scenario` is what happened, `behaviour` the option that acts (another scenario's after a fallback).

    `code` is what the problem is called, also where nobody is told. `to` is empty when the sender is not known; then
    the report is `signed` and goes back in the same exchange. `synchronous` holds for a reply too, whose content
    `reply_with` says. `why_ignored` is set when a report is held back though the table wants one.
    """

    table: str
    column: str
    scenario: str
    behaviour: str
    action: Action
    code: str
    code_template: str
    comment: str | None = None
    args: list[str] = field(default_factory=list)
    to: list[str] = field(default_factory=list)
    synchronous: bool = False
    signed: bool = False
    retry: RetryParty = RetryParty.UNKNOWN
    escalate_to: str | None = None
    reply_with: str | None = None
    why_ignored: str | None = None

    @property
    def scenario_id(self) -> str:
        """The scenario with its table: numbers alone mean different things elsewhere (docs/requirements.md#b1-26)."""
        return f"{self.table}/{self.scenario}"


def decide(
    table: ScenarioTable,
    trouble: str | BaseException,
    context: Context,
    *,
    column: str = "current",
    escalate_to: str | None = None,
) -> Decision:
    """The table's decision about a scenario (`M4`, `identus-mediator/M4`) or an exception.

    `escalate_to` comes from the configuration and goes into every report (T5). A report is never answered with a
    report (docs/requirements.md#b3-1). What the peer wrote is taken only as far as it can be worked with; nothing in
    it is an exception. Raises UnknownScenario, a mistake of the caller.
    """
    context = within_bounds(context)
    scenario = _scenario_of(table, trouble, context)
    chosen = _chosen(table, scenario, column, context)
    option = table.scenarios[chosen[0]].options[chosen[1]]
    template = option.code or _code_of(table, chosen[0])
    answers_a_report = option.do is Action.REPORT and is_report(context.message_type)
    reporting = option.do is Action.REPORT and not answers_a_report
    to = [context.sender] if context.sender else []
    nobody = reporting and not to
    flow = table.flow(context.message_type)
    answered = reporting or (option.do is Action.REPLY and not answers_a_report)
    return Decision(
        table=table.name,
        column=column,
        scenario=scenario,
        behaviour=behaviour_of(*chosen),
        action=Action.IGNORE if answers_a_report else option.do,
        code=_code(template, context.message_type),
        code_template=template,
        comment=option.comment,
        args=[_value(name, trouble, context) for name in option.args],
        to=to if reporting else [],
        synchronous=answered
        and (option.synchronous or flow.synchronous or nobody or context.return_route in ("all", "thread")),
        signed=_signed(option, nobody or flow.signed) if reporting else False,
        retry=option.retry,
        escalate_to=escalate_to if reporting else None,
        reply_with=option.reply_with,
        why_ignored="the message is a problem report itself" if answers_a_report else None,
    )


def _chosen(table: ScenarioTable, scenario: str, column: str, context: Context) -> tuple[str, str]:
    if column not in table.columns:
        raise UnknownScenario(f"table {table.name} has no column {column}; it has {', '.join(table.columns)}")
    chosen = _by_capability(table, scenario, context) or table.choice(scenario, column)
    if chosen is None:
        raise UnknownScenario(f"table {table.name} has no way out of scenario {scenario} in column {column}")
    return chosen


def classify(table: ScenarioTable, error: BaseException | str, message_type: str | None = None) -> str | None:
    """The scenario of an exception (or of a class name from elsewhere); None when no row of the table knows it.

    The code of a foreign error comes first, then the exception's own class, its base classes, then whatever it was
    raised from. A pattern with a dot is compared with the dotted name. Rows are tried from the top, those that are
    `last` after all others.
    """
    rows = [row for row in table.exceptions if _is_about(row, message_type)]
    names = tuple(_names(error))
    for last in (False, True):
        for name, text in names:
            for row in rows:
                if row.last is last and _knows(row, name, text):
                    return row.scenario
    return None


def text_of(error: BaseException) -> str:
    """What an exception says, in characters that every log and document can hold; also of one that cannot say it."""
    try:
        text = str(error)
    except Exception:  # whatever its class does: the trouble is still to be dealt with
        return f"(a {type(error).__name__} whose text cannot be had)"
    return text.encode("utf-8", "replace").decode()


def within_bounds(context: Context) -> Context:
    """The context as it can be worked with. An id that is too long is named by its SHA-256, so that two of them stay
    two; a type or an address that is too long is not known."""
    return replace(
        context,
        message_type=_short(context.message_type, MAX_TYPE),
        message_id=_named(context.message_id),
        thread_id=_named(context.thread_id),
        sender=_short(context.sender, MAX_ADDRESS),
        own=_short(context.own, MAX_ADDRESS),
        did=_short(context.did, MAX_ADDRESS),
    )


def _short(text: object, most: int) -> str | None:
    """None also for what is no string: a peer's JSON may hold anything."""
    return _encodable(text) if isinstance(text, str) and 0 < len(text) <= most else None


def _named(ident: object) -> str | None:
    if not isinstance(ident, str) or not ident:
        return None
    ident = _encodable(ident)
    return ident if len(ident) <= MAX_ID_LENGTH else f"sha256:{hashlib.sha256(ident.encode()).hexdigest()}"


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _by_capability(table: ScenarioTable, scenario: str, context: Context) -> tuple[str, str] | None:
    """The option that goes by what the connection can do, if the scenario has one and the caller knows."""
    asked = table.scenarios[scenario].capability
    able = context.capabilities.get(asked.name) if asked else None
    if asked is None or not isinstance(able, bool):
        return None
    return scenario, asked.able if able else asked.unable


def _scenario_of(table: ScenarioTable, trouble: str | BaseException, context: Context) -> str:
    if isinstance(trouble, BaseException):
        return classify(table, trouble, context.message_type) or table.otherwise
    name = trouble.removeprefix(f"{table.name}/")
    if name not in table.scenarios:
        raise UnknownScenario(f"table {table.name} has no scenario {name}")
    return name


def _code_of(table: ScenarioTable, scenario: str) -> str:
    """What a trouble is called that the peer is not told of: as its report would call it, else the general code."""
    for name in (scenario, table.otherwise):
        for option in table.scenarios[name].options.values():
            if option.code:
                return option.code
    return "e.p.me"


def _code(template: str, message_type: str | None) -> str:
    return template.replace(PIURI, message_type) if message_type else template.replace(f".{PIURI}", "")


def _signed(option: Option, nobody: bool) -> bool:
    return nobody if option.signed is None else option.signed


def _value(name: str, trouble: str | BaseException, context: Context) -> str:
    """The value of an argument; `?` when it is not known (DIDComm v2 says so for a missing argument)."""
    error = trouble if isinstance(trouble, BaseException) else None
    known = {
        "did": context.did,
        "sender": context.sender,
        "message_type": context.message_type,
        "message_id": context.message_id,
        "error": type(error).__name__ if error else None,
        "error_text": text_of(error)[:MAX_ERROR_TEXT] if error else None,
        **context.values,
    }
    value = known.get(name)
    return _encodable(value)[:MAX_ADDRESS] if isinstance(value, str) and value else "?"


def _is_about(row: ExceptionRow, message_type: str | None) -> bool:
    return row.message_type is None or fnmatchcase(message_type or "", row.message_type)


def _knows(row: ExceptionRow, name: str, text: str) -> bool:
    if row.texts and not any(fnmatchcase(text, pattern) for pattern in row.texts):
        return False
    return any(_matches(name, pattern) for pattern in row.patterns)


def _matches(name: str, pattern: str) -> bool:
    return fnmatchcase(name if "." in pattern else name.rpartition(".")[2], pattern)


def _names(error: BaseException | str) -> Iterator[tuple[str, str]]:
    """The names of an exception's classes, and of what it was raised from, each with the exception's text."""
    if isinstance(error, str):
        yield error, ""
        return
    current: BaseException | None = error
    for _ in range(MAX_CAUSES):
        if current is None:
            return
        text = text_of(current)
        if isinstance(current, ForeignError):
            said = current.names if current.code is None else (current.code, *current.names)
            yield from ((_SEPARATORS.sub(".", name.lstrip("*&")), text) for name in said)
        else:
            kinds = [kind for kind in type(current).__mro__ if kind not in (Exception, BaseException, object)]
            yield from ((f"{kind.__module__}.{kind.__qualname__}", text) for kind in kinds)
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
