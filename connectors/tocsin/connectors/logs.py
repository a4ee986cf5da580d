"""Log records as problems: `logging.getLogger().addHandler(ProblemHandler())`, after `sdk.init(...)`.

Level, logger, place and what stands in `extra` become the problem; an exception is one as `sdk.capture` has it. It
never waits and never raises, and takes no records of the bus's own clients: an error of theirs would make the next one.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from tocsin.connectors import sdk

if TYPE_CHECKING:
    from tocsin.schemas.problem import Item, Problem

OURS = ("tocsin", "aiokafka", "kafka")
"""Loggers, with those below them, that are not listened to."""
CODE = "problem_code"
"""The member of `extra` that says the code."""
MAX_EXTRAS, MAX_EXTRA = 32, 1024
"""How many members of `extra` are told, and how many characters of each."""
Hooked = Callable[[logging.LogRecord], bool]
HOOKED: dict[str, Hooked] = {}
"""Loggers, with those below them, and which of their records a hook tells in their place: it knows who tries again.
What a framework logs of its own troubles is told as ever."""
HEARD = "__tocsin_heard__"
"""The attribute of an exception that a run of a job ended with."""

_TAKEN = "__tocsin_taken__"
_USUAL = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", _TAKEN}
_OF_STRUCTLOG = frozenset(("event", "level", "logger", "timestamp", "exc_info", "stack_info"))
"""What structlog says beside an event, and a record says as well."""
_THREAD = threading.local()


class ProblemHandler(logging.Handler):
    """Publishes records of `level` and above. Without an exception and without `extra={"problem_code": ...}` the code
    is `e.p.me.log.` (below ERROR `w.p.me.log.`) and the logger's name."""

    def __init__(self, level: int | str = logging.ERROR) -> None:
        super().__init__(level)

    def emit(self, record: logging.LogRecord) -> None:
        """Called by logging."""
        if record.name.partition(".")[0] in OURS or getattr(_THREAD, "busy", False):
            return
        if getattr(record, _TAKEN, False):  # by another one, of a logger below
            return
        setattr(record, _TAKEN, True)
        _THREAD.busy = True  # what is logged meanwhile, by whatever is asked for its text, is no problem of its own
        try:
            sdk.guarded(lambda: None if _is_hooked(record) else _capture(record))
        finally:
            _THREAD.busy = False


def note_heard(error: BaseException) -> None:
    """A run of a job ended with this exception: whether it is a problem is said there."""
    error.__dict__[HEARD] = True


def was_heard(error: object) -> bool:
    """Whether a run ended with this exception, for hooks that hear of it before it is logged."""
    return HEARD in getattr(error, "__dict__", ())


def logged_in(*functions: str) -> Hooked:
    """Whether a record is of an exception in these functions, for hooks that hear of it only afterwards."""
    return lambda record: error_of(record) is not None and record.funcName in functions


def error_of(record: logging.LogRecord) -> BaseException | None:
    """The exception that a record is about."""
    return record.exc_info[1] if record.exc_info else None


def _is_hooked(record: logging.LogRecord) -> bool:
    return any(of(record) for name, of in HOOKED.items() if f"{record.name}.".startswith(f"{name}."))


def _capture(record: logging.LogRecord) -> str | None:
    error = error_of(record)
    context, extra = _extras(record)
    return sdk.capture(_problem(record, error, extra), of=error, context=context)


def _problem(record: logging.LogRecord, error: BaseException | None, extra: list[Item]) -> Problem:
    from msgspec.structs import replace

    from tocsin.connectors.publish.exception_codes import code_of_logger
    from tocsin.connectors.publish.reporting import problem
    from tocsin.connectors.publish.texts import text_of
    from tocsin.schemas.problem import Item, Severity

    said, code = _said(record), _members(record).get(CODE)
    items = [Item(key="logger", value=text_of(record.name)), Item(key="level", value=text_of(record.levelname)), *extra]
    severity = Severity.ERROR if record.levelno >= logging.ERROR else Severity.WARNING
    if error is not None:
        made = sdk.problem_of(error, code if isinstance(code, str) else None)
        return replace(made, text=f"{said}: {made.text}", items=[*items, *made.items], severity=severity)
    place = Item(key="logged_at", value=text_of(f"{record.filename}:{record.lineno} {record.funcName}"))
    usual = code_of_logger(record.name, error=severity is Severity.ERROR)
    noticed_at = int(record.created * 1_000_000)
    own = code if isinstance(code, str) and code else None
    return problem(
        own or usual, text=said or text_of(record.name), items=[*items, place], severity=severity, noticed_at=noticed_at
    )


def _said(record: logging.LogRecord) -> str:
    """The message; what it was to be made of where that fails, as logging itself would only complain."""
    from tocsin.connectors.publish.texts import MAX_TEXT, cut, sayable, shown

    event = _event(record)
    if event is not None:
        return shown(event, MAX_TEXT, str)
    try:
        return sayable(cut(record.getMessage()))
    except Exception:
        return f"{shown(record.msg, MAX_TEXT, str)} {shown(record.args)}"


def _event(record: logging.LogRecord) -> object | None:
    """What structlog has to say, whose messages are mappings until somebody renders them."""
    return record.msg.get("event") if isinstance(record.msg, dict) else None


def _members(record: logging.LogRecord) -> dict[str, object]:
    """What stands in `extra`, or beside an event of structlog, or is bound to a logger of loguru."""
    found = {name: value for name, value in vars(record).items() if name not in _USUAL}
    inner = [found.pop("extra") if isinstance(found.get("extra"), dict) else {}]
    if _event(record) is not None:
        inner.append({name: value for name, value in vars(record)["msg"].items() if name not in _OF_STRUCTLOG})
        found = {name: value for name, value in found.items() if not name.startswith("_")}
    for members in inner:
        found |= {str(name): value for name, value in members.items()}
    return found


def _extras(record: logging.LogRecord) -> tuple[dict[str, object], list[Item]]:
    """What of `extra` is context, and the rest, as is what could be none."""
    from tocsin.connectors.dialects.context import FIELDS, is_usable_as
    from tocsin.connectors.publish.texts import shown, text_of
    from tocsin.schemas.problem import Item

    context: dict[str, object] = {}
    items: list[Item] = []
    for name, value in _members(record).items():
        if name == CODE:
            continue
        if name in FIELDS and isinstance(value, str | int) and is_usable_as(name, str(value)):
            context[name] = str(value)
        elif len(items) < MAX_EXTRAS:
            items.append(Item(key=text_of(name, MAX_EXTRA), value=shown(value, MAX_EXTRA, str)))
    return context, items
