"""What objects of a program say: bounded, sayable, and without half a secret at the end."""

from __future__ import annotations

from typing import Any

import pytest

from tests.harness.canaries import JWT
from tocsin.connectors.publish.texts import MAX_TEXT, MEMBERS, shown, text_of
from tocsin.connectors.redaction import redact_text


class Own(str):
    """A text of a class of its own, which looks another way from each side."""

    def __str__(self) -> Own:
        return self

    def __len__(self) -> int:
        raise RuntimeError


class Unsayable:
    def __str__(self) -> Any:
        raise RecursionError

    __repr__ = __str__


TEXTS: dict[str, tuple[object, str, str]] = {
    "a text": ("a", "a", "'a'"),
    "another object": (7, "7", "7"),
    "half a character": ("a\udcff", "a\\udcff", "'a\\udcff'"),
    "a text of a class of its own": (Own("a"), "a", "'a'"),
    "what fails when it is asked": (Unsayable(), "", "<Unsayable>"),
    "members that fail": ([Unsayable(), {"a": Unsayable()}], "", "[<Unsayable>, {'a': <Unsayable>}]"),
    "a text without end": ("x" * 10**6, "x" * MAX_TEXT, "'" + "x" * 199),
}


def test_of_what_is_large_not_all_is_written() -> None:
    asked: list[int] = []

    class Counted:
        def __repr__(self) -> str:
            asked.append(1)
            return "."

    assert shown([Counted()] * 100_000).startswith("[., .")
    assert shown({number: Counted() for number in range(100_000)}).startswith("{0: .")
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    assert shown(deep).startswith("[[[")
    assert len(asked) <= 2 * MEMBERS
    while deep:  # not by the interpreter, one within the other
        deep = deep.pop()


@pytest.mark.parametrize(("value", "text", "written"), TEXTS.values(), ids=list(TEXTS))
def test_what_an_object_says(value: object, text: str, written: str) -> None:
    assert (text_of(value), shown(value)) == (text, written)
    assert {type(text_of(value)), type(shown(value))} == {str}


SECRETS = {
    "a password of a URL": ("postgres://ann:S3kretS3kretS3kret@db/x", "S3kret"),
    "a JWT": (JWT, JWT.split(".")[1][:20]),
    "what stands in quotes": ("{'token': 'S3kretS3kretS3kret'}", "S3kret"),
}


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_that_is_cut_in_two_is_known_for_one(name: str) -> None:
    secret, part = SECRETS[name]
    for told in range(len(secret)):
        text = "x" * (MAX_TEXT - told - 1) + " " + secret + " and more"
        assert len(text_of(text)) <= MAX_TEXT
        assert part not in redact_text(text_of(text)), f"cut after {told} characters of it"
