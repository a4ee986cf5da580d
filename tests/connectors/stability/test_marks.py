"""Files of names: what they say, and which are refused."""

from __future__ import annotations

import pytest

from tocsin.connectors.stability import KINDS, Kind, Mark, MarksWrong, marks, read_marks

FILE = """
[stable]
"0.1.0" = ["one"]
"0.2.0" = ["two"]
[unstable]
"0.2.0" = ["three"]
[deprecated."0.3.0"]
four = "use one"
"""
WRONG = {
    "a name with two marks": ('[stable]\n"0.1.0" = ["one"]\n[unstable]\n"0.2.0" = ["one"]', "one stands there twice"),
    "a name twice in a list": ('[stable]\n"0.1.0" = ["one", "one"]', "one stands there twice"),
    "a level that there is not": ('[firm]\n"0.1.0" = ["one"]', "firm is no level"),
    "deprecated without anything instead": ('[deprecated]\n"0.1.0" = ["one"]', "what to use instead"),
    "stable, and something instead": ('[stable."0.1.0"]\none = "two"', "what to use instead"),
}


def test_what_a_file_says() -> None:
    assert {name: str(mark) for name, mark in read_marks(FILE).items()} == {
        "one": "stable since 0.1.0",
        "two": "stable since 0.2.0",
        "three": "unstable since 0.2.0",
        "four": "deprecated since 0.3.0: use one",
    }


@pytest.mark.parametrize(("text", "said"), WRONG.values(), ids=list(WRONG))
def test_a_wrong_file(text: str, said: str) -> None:
    with pytest.raises(MarksWrong, match=said):
        read_marks(text)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_its_file(kind: Kind) -> None:
    found = marks(kind)
    assert all(isinstance(mark, Mark) for mark in found.values())
    assert len(found) > 5
