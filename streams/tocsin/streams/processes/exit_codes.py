"""The exit code and the message of every failure of a command or a process. The one place that knows them all."""

from __future__ import annotations

import errno

CHECK_FAILED = 1
USAGE = 2
BAD_INPUT = 65
UNREACHABLE = 69
GAVE_UP = 70
BAD_CONFIGURATION = 78

CODES: dict[str, int] = {
    "tocsin.connectors.dialects.reading.Unreadable": BAD_INPUT,
    "tocsin.connectors.dialects.reading.Unwritable": BAD_INPUT,
    "tocsin.connectors.kafka_security.SecurityUnusable": BAD_CONFIGURATION,
    "tocsin.connectors.publish.errors.NothingToPublish": BAD_INPUT,
    "tocsin.connectors.publish.errors.PublishFailed": UNREACHABLE,
    "tocsin.connectors.sinks.base.SinkMisconfigured": BAD_CONFIGURATION,
    "tocsin.schemas.errors.SchemaRefused": BAD_CONFIGURATION,
    "tocsin.schemas.errors.Undecodable": BAD_INPUT,
    "tocsin.schemas.errors.Unencodable": BAD_INPUT,
    "tocsin.streams.engine.worker.FatalWorker": GAVE_UP,
    "tocsin.streams.rulesfile.RulesFileError": BAD_CONFIGURATION,
    "aiokafka.errors.KafkaError": UNREACHABLE,
}
"""Exceptions without an `exit_code` of their own. Names and not classes: `tocsin --help` imports none of them."""


class CommandFailed(Exception):
    """Ends a command with this exit code; the message is complete, and for a person."""

    def __init__(self, exit_code: int, message: str) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def code_of(error: BaseException) -> int | None:
    """The exit code of an expected failure; None for an unexpected one, which needs its traceback."""
    own = getattr(error, "exit_code", None)
    if isinstance(own, int):
        return own
    for kind in type(error).__mro__:
        name = f"{kind.__module__}.{kind.__qualname__}"
        known = CODES.get(name) or CODES.get(_without_file(name))
        if known is not None:
            return known
    if isinstance(error, ConnectionError):
        return UNREACHABLE
    if _missing(error):
        return BAD_CONFIGURATION
    return BAD_CONFIGURATION if isinstance(error, OSError) else None


def message_of(error: BaseException) -> str:
    """The message about an expected failure, for a person."""
    if missing := _missing(error):
        return f"tocsin needs its extras for this command: pip install 'tocsin[all]' (there is no {missing} here)"
    match error:
        case OSError() if error.errno == errno.EADDRINUSE:
            return (
                f"the address is taken ({error}); choose another port: TOCSIN_PORT, TOCSIN_METRICS_PORT, or 0 for any"
            )
        case OSError() if error.strerror:
            return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
        case _ if type(error).__name__ == "FatalWorker":
            return f"the worker gave up: {error}; start it again"
        case _ if type(error).__module__ == "aiokafka.errors":
            start = "start it (`tocsin up` or `tocsin broker`) or correct TOCSIN_BOOTSTRAP"
            return f"Kafka: {type(error).__name__}: {error}; {start}"
        case _ if type(error).__name__ == "ReaderGone":
            return ""
        case _:
            return str(error) or type(error).__name__


def _missing(error: BaseException) -> str | None:
    """The library that an import did not find, unless it is a part of our own."""
    if not isinstance(error, ModuleNotFoundError) or not error.name:
        return None
    library = error.name.partition(".")[0]
    return None if library == "tocsin" else library


def _without_file(name: str) -> str:
    """`a.b.file.Class` as `a.b.Class`: packages re-export what their files define."""
    package, _, kind = name.rpartition(".")
    return f"{package.rpartition('.')[0]}.{kind}"
