"""What an exception tells of itself, and which code it has."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tocsin.connectors.publish import MemoryPublisher, exception_codes, problem_code, problem_of_exception
from tocsin.connectors.publish.exceptions import FIRST_FRAMES, LAST_FRAMES, MAX_MEMBERS, MAX_NOTES
from tocsin.connectors.publish.texts import MAX_SHOWN
from tocsin.schemas.events import ProblemReported


@pytest.fixture(autouse=True)
def codes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Codes of this test alone."""
    monkeypatch.setattr(exception_codes, "_CODES", {})


def caught(work: Callable[[], object]) -> BaseException:
    try:
        work()
    except BaseException as error:
        return error
    raise AssertionError


def deep(depth: int) -> None:
    if depth:
        deep(depth - 1)
    hidden = "token=abcdef1234567890"
    raise ValueError(f"{len(hidden)}")


def told(error: BaseException, key: str, **how: Any) -> list[str]:
    return [item.value for item in problem_of_exception(error, **how).items if item.key == key]


class Hostile(Exception):
    """Whatever is asked of it fails."""

    def __str__(self) -> str:
        raise RuntimeError

    __repr__ = __str__

    def __getattribute__(self, name: str) -> Any:
        if name == "__notes__":
            return 7
        return super().__getattribute__(name)


def test_the_stack_is_told_without_folders_and_bounded() -> None:
    [stack] = told(caught(lambda: deep(3)), "stack")
    lines = stack.splitlines()
    assert len(lines) == 6
    assert [line.split(":")[0] for line in lines] == ["test_exceptions.py"] * 6
    assert [line.split()[1] for line in lines] == ["caught", "<lambda>", *["deep"] * 4]
    [stack] = told(caught(lambda: deep(200)), "stack")
    lines = stack.splitlines()
    assert len(lines) == FIRST_FRAMES + LAST_FRAMES + 1
    assert lines[FIRST_FRAMES] == f"... {203 - FIRST_FRAMES - LAST_FRAMES} more ..."


@pytest.mark.parametrize(
    ("path", "file"),
    [
        ("/srv/ledger/books.py", "books.py"),
        ("/srv/ledger/.venv/lib/python3.13/site-packages/flask/app.py", "flask/app.py"),
        ("/usr/lib/python3/dist-packages/six.py", "six.py"),
        ("<string>", "<string>"),
        ("", ""),
    ],
    ids=["own code", "of a package", "a package of one file", "no file", "nothing"],
)
def test_a_file_is_told_without_where_it_is_installed(path: str, file: str) -> None:
    made: dict[str, Any] = {}
    exec(compile("def fail():\n    raise ValueError", path, "exec"), made)
    assert told(caught(made["fail"]), "raised_at") == [f"{file}:2 fail"]


def test_variables_are_told_by_choice_alone_and_without_secrets() -> None:
    error = caught(lambda: deep(0))
    assert told(error, "hidden") == []
    assert "abcdef" not in str(problem_of_exception(error))
    assert told(error, "hidden", variables=True) == ["'token=abcdef1234567890'"]


async def test_secrets_are_taken_out_before_anything_is_kept() -> None:
    publisher = MemoryPublisher()
    error = ValueError("password=hunter22222")
    error.add_note("Authorization: Bearer abcdef1234567890")
    await publisher.publish(
        problem_of_exception(caught(lambda: raise_from(error, KeyError("token=abcdef123456"))), variables=True)
    )
    assert isinstance(publisher.events[0], ProblemReported)
    assert not [secret for secret in ("hunter2", "abcdef") if secret in str(publisher.events[0])]


def raise_from(error: BaseException, cause: BaseException) -> None:
    raise error from cause


def test_variables_that_cannot_be_shown_are_named_by_their_class() -> None:
    def work() -> None:
        awful, long = Hostile(), "x" * 10_000
        raise ValueError(len(long) if awful else 0)

    error = caught(work)
    assert told(error, "awful", variables=True) == ["<Hostile>"]
    assert len(told(error, "long", variables=True)[0]) == MAX_SHOWN


def test_notes_are_told() -> None:
    error = ValueError("no")
    for number in range(MAX_NOTES + 5):
        error.add_note(f"note {number}")
    assert told(error, "note") == [f"note {number}" for number in range(MAX_NOTES)]
    assert told(Hostile(), "note") == []


def test_the_members_of_groups_are_told() -> None:
    inner = BaseExceptionGroup("inner", [KeyError("a"), caught(lambda: deep(0))])
    group = BaseExceptionGroup("outer", [inner, KeyboardInterrupt()])
    first, second, third = told(group, "among")
    assert (first, third) == ("KeyError: 'a'", "KeyboardInterrupt: ")
    assert second.startswith("ValueError: 22 at test_exceptions.py:")
    many = told(ExceptionGroup("many", [ValueError(str(number)) for number in range(50)]), "among")
    assert many[MAX_MEMBERS:] == ["... and 40 more"]


async def test_what_a_task_group_raises() -> None:
    async def fail() -> None:
        raise LookupError("gone")

    with pytest.raises(ExceptionGroup) as raised:
        async with asyncio.TaskGroup() as group:
            group.create_task(fail())
    assert told(raised.value, "among")[0].startswith("LookupError: gone at test_exceptions.py:")


class LedgerError(Exception):
    pass


class LedgerFull(LedgerError):
    pass


# what is registered, the exception, its code
CODES: dict[str, tuple[list[tuple[type[BaseException], Any]], BaseException, str]] = {
    "nothing": ([], ValueError("x"), "e.p.me.value-error"),
    "its class": ([(ValueError, "e.p.msg")], ValueError("x"), "e.p.msg"),
    "its base class": ([(LedgerError, "e.p.ledger")], LedgerFull("x"), "e.p.ledger"),
    "both": ([(LedgerError, "e.p.ledger"), (LedgerFull, "e.p.me.res.storage")], LedgerFull(), "e.p.me.res.storage"),
    "another class": ([(KeyError, "e.p.msg")], ValueError("x"), "e.p.me.value-error"),
    "twice": ([(ValueError, "e.p.msg"), (ValueError, "e.p.req")], ValueError("x"), "e.p.req"),
    "a function": ([(OSError, lambda error: f"e.p.me.os-{error.errno}")], OSError(28, "full"), "e.p.me.os-28"),
    "a function that knows none": ([(OSError, lambda _: None), (Exception, "e.p.me")], OSError(), "e.p.me"),
    "a function that fails": ([(OSError, lambda error: error.nothing)], OSError(), "e.p.me.os-error"),
    "a function of no code": ([(OSError, lambda _: 28)], OSError(), "e.p.me.os-error"),
}


@pytest.mark.parametrize(("registered", "error", "code"), CODES.values(), ids=list(CODES))
def test_a_code_of_ones_own(registered: list[tuple[type[BaseException], Any]], error: BaseException, code: str) -> None:
    for kind, of in registered:
        problem_code(kind, of)
    assert problem_of_exception(error).code == code


def test_it_may_stand_above_what_raises() -> None:
    @problem_code(ZeroDivisionError, "e.p.msg.zero")
    def divide() -> float:
        return 1 / 0

    assert problem_of_exception(caught(divide)).code == "e.p.msg.zero"


@pytest.mark.parametrize(
    ("kind", "code", "raised"),
    [
        (int, "e.p.x", TypeError),
        ("ValueError", "e.p.x", TypeError),
        *((ValueError, code, ValueError) for code in ("", "\n", None, "x" * 10_000)),
    ],
)
def test_what_is_no_code_is_said_where_it_is_written(kind: Any, code: Any, raised: type[Exception]) -> None:
    with pytest.raises(raised, match="problem_code: "):
        problem_code(kind, code)
