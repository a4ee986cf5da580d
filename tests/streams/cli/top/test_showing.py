"""A picture on terminals of several sizes."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from tocsin.streams.cli.top.picture import Code, Endpoint, Picture
from tocsin.streams.cli.top.showing import age, drawn

FULL = Picture(
    seconds=60.0, away={"dispatch": "nothing listens there"}, up=("gateway", "worker"),
    reported_a_minute={"error": 12.0, "warning": 1.0},
    codes=tuple(Code(f"e.p.code-{number}", "error", 9.0 - number, number) for number in range(9)),
    cases=7, oldest_case=7300.0, escalations=1, unanswered=2, lag={"decide": {"records": 3.0, "seconds": 75.0}},
    halted=1, stalled=0, pending=4, oldest=90.0,
    endpoints=tuple(Endpoint(f"endpoint-{number}", "well", 1.0, 0.0, 0.012, 0) for number in range(40)),
    dead=3, dead_a_minute=1.0, store=2, store_behind=0.5,
)  # fmt: skip


def lines(picture: Picture, width: int, height: int) -> list[str]:
    """What is on the terminal."""
    console = Console(file=io.StringIO(), width=width, height=height, color_system=None)
    console.print(drawn(picture, "tocsin top", width, height))
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


@pytest.mark.parametrize(("width", "height"), [(80, 24), (60, 15), (200, 60), (40, 12)])
def test_it_fits(width: int, height: int) -> None:
    shown = lines(FULL, width, height)
    assert max(map(len, shown)) <= width
    assert len(shown) <= max(height, 18)
    text = "\n".join(shown)
    assert "dispatch AWAY (nothing listens there)" in " ".join(text.split())
    assert "halted 1" in text
    assert "endpoint-0" in text
    assert "more" in text


def test_all_of_it_where_there_is_room() -> None:
    text = "\n".join(lines(FULL, 120, 200))
    for part in (
        "error 12.0",
        "cases open 7 (oldest 2.0 h)",
        "unanswered 2",
        "decide 3 (75 s)",
        "endpoint-39",
        "12 ms",
    ):
        assert part in text


def test_what_is_not_known_has_a_question_mark() -> None:
    text = "\n".join(lines(Picture(seconds=2.0, away={"worker": "no"}, up=()), 80, 24))
    assert "cases open ?" in text
    assert "halted ?" in text


def test_names_cannot_control_the_terminal() -> None:
    bad = Picture(seconds=2.0, away={}, up=("worker",), codes=(Code("e.p.\x1b[2J\r\n", "error", 1.0, 1),))
    assert "\x1b" not in "\n".join(lines(bad, 80, 24))


AGES = {0.012: "12 ms", 3.4: "3.4 s", 75: "75 s", 300: "5.0 min", 7300: "2.0 h", 400_000: "5 d"}


@pytest.mark.parametrize(("seconds", "said"), AGES.items())
def test_a_time_for_a_person(seconds: float, said: str) -> None:
    assert age(seconds) == said
