"""Text from strangers, on a terminal."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.connectors.printable import clipped, printable
from tocsin.streams.cli.output import as_typed, show

TEXTS = {
    "a colour": ("\x1b[31mred\x1b[0m", "red"),
    "a cleared screen": ("a\x1b[2J\x1b[Hb", "ab"),
    "a window title": ("\x1b]0;rm -rf\x07ok", "ok"),
    "an unfinished sequence": ("ok\x1b[", "ok["),
    "C1 instead of ESC": ("\x9b31mred", "red"),
    "a new line": ("one\r\ntwo", "one two"),
    "a bell and a delete": ("a\x07b\x7f", "ab"),
    "writing turned round": ("abc\u202edef\u2066", "abcdef"),
    "line ends of other alphabets": ("one\u2028two\u2029\x85three\x0bfour", "one two three four"),
    "half a character": ("a\ud800b", "a\ufffdb"),
    "other languages": ("Überfällig: 遅延", "Überfällig: 遅延"),
}


@pytest.mark.parametrize(("text", "shown"), TEXTS.values(), ids=TEXTS.keys())
def test_printable(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text(alphabet=st.one_of(st.characters(), st.sampled_from("\x1b[]0;m\x07\x9b\\"))))
def test_nothing_that_controls_is_left(text: str) -> None:
    shown = printable(text)
    assert not any(ord(character) < 32 or 127 <= ord(character) < 160 for character in shown)
    assert len(shown.splitlines()) <= 1
    shown.encode()
    assert printable(shown) == shown


@pytest.mark.parametrize(("encoding", "shown"), [("ascii", b"\\xdcber \\u9375\n"), ("latin-1", b"\xdcber \\u9375\n")])
def test_a_terminal_that_has_no_such_letters_ends_no_command(
    monkeypatch: pytest.MonkeyPatch, encoding: str, shown: bytes
) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding))
    show("Über 鍵")
    assert written.getvalue() == shown


def test_clipped() -> None:
    assert clipped("abcdef", 4) == "abc…"
    assert clipped("abcd", 4) == "abcd"


TYPED = {
    "its shell finds it": ("bin/tocsin", ["bin"], "tocsin"),
    "by its path, as after `make`": ("bin/tocsin", [], "bin/tocsin"),
    "by its path, and the shell finds another": ("bin/tocsin", ["other"], "bin/tocsin"),
    "as a module": ("bin/pytest", [], "tocsin"),
}


@pytest.mark.parametrize(("typed", "path", "named"), TYPED.values(), ids=TYPED.keys())
def test_next_steps_can_be_typed(
    typed: str, path: list[str], named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("bin", "other"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "tocsin").touch(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [typed])
    monkeypatch.setenv("PATH", ":".join(str(tmp_path / one) for one in path))
    assert as_typed() == named
