"""What a caller gets wrong is said at once and clearly; an exception is taken as the problem that it is."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tocsin.connectors.dialects import Unreadable
from tocsin.connectors.dialects.table import KNOWN_SHAPE
from tocsin.connectors.publish import MemoryPublisher, Publisher, problem, problem_of_exception
from tocsin.connectors.publish.exceptions import MAX_CAUSES
from tocsin.connectors.publish.texts import MAX_TEXT
from tocsin.schemas.events import ProblemReported
from tocsin.schemas.problem import Item
from tocsin.streams.rules.documents import for_peer

# the arguments of `problem`, and what is said
NO_PROBLEM: dict[str, tuple[tuple[Any, ...], dict[str, Any], str]] = {
    "no code": (("",), {}, "missing_member at /code"),
    "None for a code": ((None,), {}, "missing_member at /code"),
    "a severity that there is not": (("e.p.x",), {"severity": "fatal"}, "at /severity: expected one of error, warning"),
    "a text that is none": (("e.p.x",), {"text": 5}, "wrong_type at /text"),
    "an argument that is none": (("e.p.x",), {"args": [object()]}, "wrong_type"),
    "a source with a typo": (("e.p.x",), {"source": {"sevice": "a"}}, "/source"),
}


@pytest.mark.parametrize(("arguments", "fields", "says"), NO_PROBLEM.values(), ids=list(NO_PROBLEM))
def test_what_is_no_problem(arguments: tuple[Any, ...], fields: dict[str, Any], says: str) -> None:
    with pytest.raises(Unreadable, match=says):
        problem(*arguments, **fields)


@pytest.mark.parametrize("tenant", ["", "a b", "x" * 65, None], ids=["empty", "a space", "too long", "None"])
def test_what_is_no_tenant(tenant: Any) -> None:
    for make in (lambda: Publisher("localhost:1", tenant=tenant), lambda: MemoryPublisher(tenant=tenant)):
        with pytest.raises(ValueError, match="tenant: 1 to 64 letters"):
            make()


@pytest.mark.parametrize("report", ["boom", 5, None, [{}]], ids=["a text", "a number", "None", "a list"])
async def test_what_is_no_report(report: Any) -> None:
    with pytest.raises(TypeError, match="a report is a problem"):
        await MemoryPublisher().publish(report)


async def test_a_tenant_of_one_publication_is_checked_too() -> None:
    with pytest.raises(ValueError, match="tenant"):
        await MemoryPublisher().publish(problem("e.p.x"), tenant="a b")


async def test_nothing_recognised_shows_what_would_be_taken() -> None:
    publisher = MemoryPublisher()
    with pytest.raises(Unreadable, match=re.escape(KNOWN_SHAPE)):
        await publisher.publish({"message": "boom"})
    assert await publisher.publish({"title": "The ledger did not answer", "status": 504})


class HTTPStatusError(Exception):
    """As many libraries name theirs."""


class Unsayable(Exception):
    """Its text cannot be had."""

    def __str__(self) -> str:
        raise RuntimeError


class Falsy(Exception):
    """Neither true nor false."""

    def __bool__(self) -> bool:
        raise RuntimeError


def raised(error: BaseException, cause: BaseException | None = None) -> BaseException:
    try:
        raise error from cause
    except BaseException as caught:
        return caught


def failing(name: str) -> BaseException:
    """An exception that fails when it is asked for this attribute."""

    def fail(_: object) -> object:
        raise RuntimeError(name)

    made: type[BaseException] = type("Failing", (ExceptionGroup,), {name: property(fail)})
    return made("boom", [ValueError("inner")])


ASKED = ("__cause__", "__context__", "__suppress_context__", "__traceback__", "__notes__", "exceptions")


@pytest.mark.parametrize("name", ASKED)
def test_an_exception_that_fails_when_it_is_asked_is_told_for_the_rest(name: str) -> None:
    told = problem_of_exception(failing(name), variables=True)
    assert told.code == "e.p.me.failing"
    assert {item.key for item in told.items} >= {"exception"}


def test_a_class_that_fails_when_it_is_asked_for_its_name_has_none() -> None:
    class Nameless(type):
        @property
        def __name__(cls) -> str:  # type: ignore[override]
            raise RuntimeError

    assert problem_of_exception(Nameless("X", (Exception,), {})("boom")).text == "boom"


# the exception, its code and its text
EXCEPTIONS: dict[str, tuple[BaseException, str, str]] = {
    "of Python": (ValueError("boom"), "e.p.me.value-error", "boom"),
    "with a short name in it": (HTTPStatusError("502"), "e.p.me.http-status-error", "502"),
    "without a text": (KeyError(), "e.p.me.key-error", "KeyError"),
    "whose text fails": (Unsayable(), "e.p.me.unsayable", "Unsayable"),
    "about half a character": (ValueError("no file a\udcff"), "e.p.me.value-error", "no file a\\udcff"),
    "with a text without end": (ValueError("x" * 10**6), "e.p.me.value-error", "x" * MAX_TEXT),
    "a cancellation": (KeyboardInterrupt(), "e.p.me.keyboard-interrupt", "KeyboardInterrupt"),
    "in another script": (type("Größenfehler", (Exception,), {})("zu groß"), "e.p.me.gr-enfehler", "zu groß"),
}  # fmt: skip


@pytest.mark.parametrize(("error", "code", "text"), EXCEPTIONS.values(), ids=list(EXCEPTIONS))
async def test_an_exception_is_the_problem_that_it_is(error: BaseException, code: str, text: str) -> None:
    publisher = MemoryPublisher()
    await publisher.publish(raised(error))
    [event] = publisher.events
    assert isinstance(event, ProblemReported)
    assert (event.problem.code, event.problem.text, event.problem.category) == (code, text, "me")
    items = {item.key: item.value for item in event.problem.items}
    assert items["raised_at"].startswith("test_mistakes.py:")
    assert items.get("exception", "").endswith(type(error).__name__ if "exception" in items else "")


def test_causes_are_told_as_far_as_they_help() -> None:
    told = problem_of_exception(raised(ValueError("late"), raised(KeyError("early"))))
    assert told.items[-1] == Item(key="caused_by", value="KeyError: 'early'")
    chain: BaseException | None = None
    for number in range(20):
        chain = raised(ValueError(str(number)), chain)
    assert chain is not None
    assert [item.key for item in problem_of_exception(chain).items].count("caused_by") == MAX_CAUSES
    assert (
        problem_of_exception(raised(ValueError("late"), raised(Falsy("early"))))
        .items[-1]
        .value.endswith("Falsy: early")
    )
    loop = ValueError("round")
    loop.__cause__ = loop
    assert problem_of_exception(loop).items == []


def test_a_peer_is_not_told_what_an_exception_says() -> None:
    told = for_peer(problem_of_exception(raised(ValueError("password hunter22 refused by db-7"))), "medium")
    assert (told.text, {item.value for item in told.items}) == ("ValueError", {"?"})
