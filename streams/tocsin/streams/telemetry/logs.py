"""Logging, set up once per process: structlog on stderr, for people or for machines; libraries only when they warn."""

from __future__ import annotations

import logging
import sys
import threading
from time import monotonic, sleep
from typing import Any, Literal

import structlog

from tocsin.connectors.kafka.quieting import HoldsRepeats
from tocsin.connectors.redaction import redact_text
from tocsin.streams.telemetry.repeats import Repeats

QUIET = ("aiokafka", "alembic", "faust", "mode", "asyncio", "uvicorn", "aiohttp", "kafka", "tocsin.streams.engine")
"""Loggers whose lines below WARNING are dropped; Faust logs as the module that made its app (ours is tocsin.engine)."""
NEVER = ("Unclosed AIOKafka", "Timer commit is overlapping")
"""Parts of lines of libraries that are always dropped: about what a failed start leaves open, and a commit that waits
for Kafka; the failure itself is reported."""
REPEATS = "tocsin.repeats"
"""The logger that tells of repeats."""
TELL_EVERY = 5.0
"""Seconds between two looks for repeats that must be told."""


class _LessNoise(HoldsRepeats):
    """Drops NEVER, and lets of repeated lines only the first few through: those of libraries, and our own warnings.
    Repeats are told once a minute, by a thread that lives as long as there are some."""

    def __init__(self) -> None:
        super().__init__()
        self._repeats = Repeats()
        self._lock = threading.Lock()
        self._teller: threading.Thread | None = None

    def filter(self, record: logging.LogRecord) -> bool:
        source = _source(record)
        if source is None:
            return True
        text = record.getMessage()
        if any(part in text for part in NEVER):
            return False
        _without_trace_of_kafka(record)
        with self._lock:
            if self._repeats.is_new(source, text, monotonic(), exact=isinstance(record.msg, dict)):
                return True
            if self._teller is None:
                self._teller = threading.Thread(target=self._tell, name="tocsin-repeats", daemon=True)
                self._teller.start()
        return False

    def _tell(self) -> None:
        while True:
            sleep(TELL_EVERY)
            with self._lock:
                told = list(self._repeats.told(monotonic()))
                more = self._repeats.holds_any()
                if not more:
                    self._teller = None
            for source, text in told:
                logging.getLogger(REPEATS).warning("%s: %s", source, text)
            if not more:
                return


def _without_trace_of_kafka(record: logging.LogRecord) -> None:
    """A library's line about an error of Kafka is one line: the trace, twenty more, says nothing that it does not."""
    error = record.exc_info[1] if record.exc_info else None
    if not isinstance(record.msg, dict) and type(error).__module__ == "aiokafka.errors":
        record.exc_info = record.exc_text = None


def _source(record: logging.LogRecord) -> str | None:
    """Whose repeats count together: those of a whole library; of ours the warnings of one kind, but never errors and
    news, of which each is told. None for what is always logged."""
    if isinstance(record.msg, dict):
        return f"{record.name}: {record.msg.get('event')}" if record.levelno == logging.WARNING else None
    library = record.name.partition(".")[0]
    if library != "tocsin":
        return library
    return None if record.name == REPEATS else record.name


def set_up_logging(form: Literal["console", "json"], level: str) -> None:
    """Everything that logs, ours and the libraries', goes through one handler to stderr."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_renderers(form)],
        )
    )
    handler.addFilter(_LessNoise())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def _renderers(form: str) -> list[structlog.typing.Processor]:
    if form == "json":
        return [structlog.processors.format_exc_info, _without_secrets, structlog.processors.JSONRenderer()]
    plain = structlog.dev.plain_traceback
    console = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)
    return [lambda logger, name, fields: redact_text(console(logger, name, fields))]


def _without_secrets(logger: Any, name: str, fields: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """An exception's text may quote what it was about."""
    return {key: redact_text(value) if isinstance(value, str) else value for key, value in fields.items()}
