"""The sink that prints: a line for each notification on standard output, for whoever looks at the terminal."""

from __future__ import annotations

import asyncio
import json
import os
import select
from types import TracebackType
from typing import Annotated, Literal, Self

from tocsin.connectors.people.told import notification_line
from tocsin.connectors.sections import Section
from tocsin.connectors.sinks.base import Delivered, Reason, RetryLater, SinkOutcome
from tocsin.schemas.events import DeliveryAttempt


class LogConfig(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A line of the dispatcher's standard output for each notification; `tocsin up` shows it in its terminal."""

    form: Annotated[Literal["line", "json"], "A line for people, or the body as it is, for programs."] = "line"


STDOUT = 1
PATIENCE = 5.0
"""Seconds that a reader of standard output may keep us waiting: a terminal that is held, a pipe that is full."""


class LogSink:
    """Prints what it gets. At least once, as every sink: what cannot be printed now is tried again."""

    Config = LogConfig

    def __init__(
        self, config: LogConfig | None = None, descriptor: int = STDOUT, *, patience: float = PATIENCE
    ) -> None:
        """`descriptor` is what is written to."""
        self._config = config or LogConfig()
        self._descriptor = descriptor
        self._patience = patience
        self._one_line_at_a_time = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def deliver(self, attempt: DeliveryAttempt) -> SinkOutcome:
        """Print it; Delivered when it was written."""
        line = (self._line(attempt) + "\n").encode("utf-8", "replace")
        try:
            async with asyncio.timeout(self._patience), self._one_line_at_a_time:
                await self._print(line)
        except TimeoutError:
            return RetryLater(reason=Reason.TIMEOUT)
        except OSError:
            return RetryLater(reason=Reason.SINK_FAILED)
        return Delivered()

    async def _print(self, line: bytes) -> None:
        # Never blocks: what is said to be writable takes this much. A thread could hang, and the process with it.
        while line:
            if select.select([], [self._descriptor], [], 0)[1]:
                line = line[os.write(self._descriptor, line[: select.PIPE_BUF]) :]
            else:
                await asyncio.sleep(0.02)

    def _line(self, attempt: DeliveryAttempt) -> str:
        try:
            body = json.loads(attempt.body)
        except (ValueError, RecursionError):
            body = attempt.body.decode("utf-8", "replace")
        if self._config.form == "json":
            return json.dumps(body)
        minutes, seconds = divmod(attempt.recorded_at // 1_000_000, 60)  # a time may lie beyond the calendar
        return f"{minutes // 60 % 24:02}:{minutes % 60:02}:{seconds:02} {notification_line(body)}"

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None
