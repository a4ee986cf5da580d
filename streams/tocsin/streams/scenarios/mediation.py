"""A mediator or agent with its table, as part of a scenario: troubles in; log lines, answers and events out."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from tocsin.connectors.mediation import Context, Handled, Mediation, UnknownScenario, load_table
from tocsin.connectors.publish import MemoryPublisher
from tocsin.schemas.errors import TocsinError
from tocsin.schemas.events import ProblemReported
from tocsin.streams.scenarios.names import Line
from tocsin.streams.scenarios.reading import BadScenario, Given, made

_KEYS = {"table", "column", "escalate_to", "service"}


class Mediator:
    """`settings`: the table, and perhaps its column, the escalation address and the service's name."""

    def __init__(self, settings: dict[str, Any]) -> None:
        if set(settings) - _KEYS:
            raise BadScenario(f"mediation has no {', '.join(set(settings) - _KEYS)}")
        if not isinstance(settings.get("table"), str):
            raise BadScenario("mediation has a table")
        options = {name: value for name, value in settings.items() if name != "table"}
        self._publisher = MemoryPublisher()
        try:
            table = load_table(settings["table"])
        except TocsinError as error:
            raise BadScenario(f"mediation: {error}") from None
        self._mediation = Mediation(table, self._publisher, dispatch=self._dispatch, **options)
        self._dispatched: list[Handled] = []

    def handle(self, given: Given) -> tuple[list[Line], list[ProblemReported]]:
        """What was logged and answered, and what was recorded on the bus."""
        before = len(self._publisher.events)
        trouble = given.body if given.what == "trouble" else _exception(given.body)
        context = made(Context, given.extra.get("context", {}))
        encrypted = given.extra["encrypted"].encode() if "encrypted" in given.extra else None
        request_id = given.extra.get("request_id")
        with _Log() as log:
            try:
                handled = asyncio.run(
                    self._mediation.handle(trouble, context, encrypted=encrypted, request_id=request_id)
                )
            except UnknownScenario as error:
                raise BadScenario(str(error)) from None
        events = [one for one in self._publisher.events[before:] if isinstance(one, ProblemReported)]
        return [*log.lines(given), _line(handled, given)], events

    async def _dispatch(self, handled: Handled) -> None:
        self._dispatched.append(handled)


def _line(handled: Handled, given: Given) -> Line:
    decision = handled.decision
    fields = {
        "action": str(decision.action),
        "code": decision.code,
        "to": decision.to,
        "signed": decision.signed,
        "synchronous": decision.synchronous,
        "why_ignored": decision.why_ignored,
        "reply_with": decision.reply_with,
        "document": handled.document,
    }
    return Line(given.at, "handled", decision.behaviour, fields, given.tenant)


def _exception(body: Any) -> BaseException:
    """An exception of a class of that name, perhaps dotted; `body` is the name, or {class, text}."""
    name, text = (body, "") if isinstance(body, str) else (body["class"], body.get("text", ""))
    module, _, plain = name.rpartition(".")
    kind: type[Exception] = type(plain, (Exception,), {"__module__": module or "elsewhere", "__qualname__": plain})
    return kind(text)


class _Log(logging.Handler):
    """Collects the lines of the logger `tocsin.mediation` while it is entered."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.records: list[logging.LogRecord] = []
        self._logger = logging.getLogger("tocsin.mediation")

    def __enter__(self) -> _Log:
        self._level = self._logger.level
        self._logger.setLevel(logging.INFO)
        self._logger.addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        self._logger.removeHandler(self)
        self._logger.setLevel(self._level)

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    def lines(self, given: Given) -> list[Line]:
        return [
            Line(
                given.at,
                "log",
                record.levelname.lower(),
                {
                    "message": record.getMessage().partition(" [request_id=")[0],
                    "request_id": vars(record).get("request_id"),
                    "msg_sha256": vars(record).get("msg_sha256"),
                },
                given.tenant,
            )
            for record in self.records
        ]
