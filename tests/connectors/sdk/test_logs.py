"""Log records as problems."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from tests.connectors.sdk.conftest import Memory
from tocsin.connectors import sdk
from tocsin.connectors.logs import MAX_EXTRA, MAX_EXTRAS, ProblemHandler
from tocsin.connectors.publish.texts import MAX_TEXT
from tocsin.schemas.events import ProblemReported
from tocsin.schemas.problem import Problem


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    """A logger that is listened to from WARNING on."""
    found, handler = logging.getLogger("ledger.Books"), ProblemHandler(logging.WARNING)
    found.addHandler(handler)
    yield found
    found.removeHandler(handler)
    found.propagate = True


def told(memory: Memory) -> list[Problem]:
    return [event.problem for event in memory.flushed() if isinstance(event, ProblemReported)]


def items(problem: Problem) -> dict[str | None, str]:
    return {item.key: item.value for item in problem.items}


def test_a_record_is_a_problem(memory: Memory, logger: logging.Logger) -> None:
    sdk.init("k:1", service="ledger")
    logger.error("page %s is torn", 7, extra={"record_id": "r-1", "shelf": "north", "attempt": 3})
    logger.warning("nearly full")
    logger.info("nothing")
    torn, full = told(memory)
    assert (torn.code, torn.severity, torn.text) == ("e.p.me.log.ledger.books", "error", "page 7 is torn")
    assert (torn.source.service, torn.source.record_id) == ("ledger", "r-1")
    found = items(torn)
    assert found.pop("logged_at").startswith("test_logs.py:")
    assert found == {"logger": "ledger.Books", "level": "ERROR", "shelf": "north", "attempt": "3"}
    assert (full.code, full.severity) == ("w.p.me.log.ledger.books", "warning")


def test_an_exception_is_told_with_the_record_and_once(memory: Memory, logger: logging.Logger) -> None:
    sdk.init("k:1")
    try:
        raise ValueError("boom")
    except ValueError as error:
        logger.exception("the run has failed")
        logger.exception("it really has")
        sdk.capture(error)
    [problem] = told(memory)
    assert (problem.code, problem.text) == ("e.p.me.value-error", "the run has failed: boom")
    assert {"logger", "level", "raised_at"} <= items(problem).keys()


def test_a_code_of_ones_own(memory: Memory, logger: logging.Logger) -> None:
    sdk.init("k:1")
    logger.error("full", extra={"problem_code": "e.p.me.res.storage"})
    assert [problem.code for problem in told(memory)] == ["e.p.me.res.storage"]
    assert "problem_code" not in items(told(memory)[0])


class Logging:
    """Logs when it is asked for its text."""

    def __str__(self) -> str:
        logging.getLogger("ledger.Books").error("within")
        return "text"


class Hostile:
    def __str__(self) -> str:
        raise RuntimeError("no text")


def test_what_is_logged_on_the_way_is_no_problem_of_its_own(memory: Memory, logger: logging.Logger) -> None:
    sdk.init("k:1")
    logger.propagate = False  # other handlers ask for the text, too
    logger.error("%s", Logging())
    logger.error("later")
    assert [problem.text for problem in told(memory)] == ["text", "later"]


@pytest.mark.parametrize("name", ["tocsin.publish", "tocsin.sdk", "aiokafka.conn", "kafka"])
def test_the_clients_of_the_bus_are_not_listened_to(memory: Memory, name: str) -> None:
    sdk.init("k:1")
    handler = ProblemHandler()
    logging.getLogger().addHandler(handler)
    try:
        logging.getLogger(name).error("Kafka is away")
        logging.getLogger("mine").error("mine")
        logging.getLogger("tocsinary").error("mine, too")
    finally:
        logging.getLogger().removeHandler(handler)
    assert [problem.text for problem in told(memory)] == ["mine", "mine, too"]


def test_nothing_reaches_the_service(memory: Memory, logger: logging.Logger, caplog: pytest.LogCaptureFixture) -> None:
    logger.error("before init")
    sdk.init("k:1")
    memory.failure = RuntimeError("a fault of the bus")
    logger.error("lost")
    assert told(memory) == []
    memory.failure = None
    logger.error("well")
    assert [problem.text for problem in told(memory)] == ["well"]
    assert {record.name for record in caplog.records if "published" in record.getMessage()} == {"tocsin.sdk"}


# how it is logged; the text and the items that it has then
CLUMSY: dict[str, tuple[Any, dict[str, Any], str, dict[str, str]]] = {
    "an argument of another kind": (("bad %d", "argument"), {}, "bad %d ('argument',)", {}),
    "an argument that fails": (("bad %s", Hostile()), {}, "bad %s ", {}),
    "a message that fails": ((Hostile(),), {}, "<Hostile> ()", {}),
    "no message": (("",), {}, "ledger.Books", {}),
    "a name that is no UTF-8": (("no file %s", "\udcff"), {}, "no file \\udcff", {}),
    "a member that fails": (("x",), {"shelf": Hostile()}, "x", {"shelf": "<Hostile>"}),
    "a member that is no UTF-8": (("x",), {"shelf": "\udcff"}, "x", {"shelf": "\\udcff"}),
    "a code that is none": (("x",), {"problem_code": 7}, "x", {}),
    "a record that can be none": (("x",), {"record_id": "a\nb"}, "x", {"record_id": "a\nb"}),
    "a side that there is not": (("x",), {"side": "left"}, "x", {"side": "left"}),
    "a message without end": (("x" * 3_000_000,), {}, "x" * MAX_TEXT, {}),
}


@pytest.mark.parametrize(("said", "extra", "text", "members"), CLUMSY.values(), ids=list(CLUMSY))
def test_what_is_logged_clumsily_is_a_problem_all_the_same(
    memory: Memory, logger: logging.Logger, said: Any, extra: dict[str, Any], text: str, members: dict[str, str]
) -> None:
    sdk.init("k:1")
    logger.propagate = False
    logger.error(*said, extra=extra)
    [problem] = told(memory)
    assert (problem.text or "").startswith(text)
    assert problem.code == "e.p.me.log.ledger.books"
    assert members.items() <= items(problem).items()


def test_an_event_of_structlog_that_nobody_has_rendered(memory: Memory, logger: logging.Logger) -> None:
    """As its `wrap_for_formatter` hands it on: ProcessorFormatter is a formatter, and this has none."""
    structlog = pytest.importorskip("structlog")
    own = structlog.wrap_logger(
        logger,
        processors=[
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    sdk.init("k:1")
    own.bind(record_id="r-17").error("page torn", shelf="north", problem_code="e.p.me.torn")
    try:
        raise ValueError("boom")
    except ValueError:
        own.exception("page torn")
    torn, raised = told(memory)
    assert (torn.text, torn.code, torn.source.record_id) == ("page torn", "e.p.me.torn", "r-17")
    assert items(torn).keys() == {"logger", "level", "shelf", "logged_at"}
    assert (raised.text, raised.code) == ("page torn: boom", "e.p.me.value-error")


def test_what_is_bound_to_a_logger_of_loguru(memory: Memory, logger: logging.Logger) -> None:
    """It makes records of its own, with a member `extra`."""
    sdk.init("k:1")
    logger.error("torn", extra={"extra": {"record_id": "r-17", "shelf": "north", 7: 8}})
    logger.error("torn", extra={"extra": "a word"})
    bound, word = told(memory)
    assert bound.source.record_id == "r-17"
    assert {"shelf": "north", "7": "8"}.items() <= items(bound).items()
    assert items(word)["extra"] == "a word"


def test_a_record_is_bounded(memory: Memory, logger: logging.Logger) -> None:
    sdk.init("k:1")
    logger.error("x", extra={f"member{number}": "y" * 10_000 for number in range(100)})
    [problem] = told(memory)
    extras = [item for item in problem.items if (item.key or "").startswith("member")]
    assert len(extras) == MAX_EXTRAS
    assert {len(item.value) for item in extras} == {MAX_EXTRA}
