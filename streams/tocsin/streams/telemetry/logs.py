"""Logging, set up once per process: structlog on stderr, for people or for machines; libraries only when they warn."""

from __future__ import annotations

import logging
import sys
from time import monotonic
from typing import Any, Literal

import structlog

from tocsin.connectors.redaction import redact_text

QUIET = ("aiokafka", "faust", "mode", "asyncio", "uvicorn", "aiohttp", "kafka", "tocsin.streams.engine")
"""Loggers whose lines below WARNING are dropped; Faust logs as the module that made its app (ours is tocsin.engine)."""
NEVER = ("Unclosed AIOKafka",)
"""Parts of lines that are always dropped: about what a failed start leaves open; the failure itself is reported."""
ONCE = ("not found in cluster metadata", "CoordinatorNotAvailable")
"""Parts of lines that are logged once: true for a moment while a Kafka is new, and repeated every 100 ms."""
AGAIN_AFTER = 600.0
"""Seconds after which such a line is logged again: by then Kafka is no longer new."""


class _LessNoise(logging.Filter):
    """Drops NEVER, and the repeats of ONCE."""

    def __init__(self) -> None:
        super().__init__()
        self._logged_at: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.name.startswith(("aiokafka", "asyncio")):
            return True
        text = record.getMessage()
        if any(part in text for part in NEVER):
            return False
        if not any(part in text for part in ONCE):
            return True
        now = monotonic()
        if now - self._logged_at.get(text, -AGAIN_AFTER) < AGAIN_AFTER:
            return False
        self._logged_at[text] = now
        return True


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
