"""What strangers wrote, as it may stand in a chat or a mail."""

# ruff: noqa: RUF001 - signs that look alike are the point

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown import markdown

from tocsin.connectors.people.neutral import for_markdown, neutral, shortened

# what was written -> what must not be in what is sent
HOSTILE: dict[str, tuple[str, str]] = {
    "everyone": ("@everyone look", "@"),
    "a channel of Slack": ("<!channel> look", "<!"),
    "a channel of Slack, as entities": ("&lt;!channel&gt; look", "&lt;"),
    "a user of Slack": ("<@U123ABC>", "<@"),
    "a user of Discord": ("<@&1234>", "<@"),
    "a room of Matrix": ("#room:example.org", "#room"),
    "a link": ("see https://evil.example/x", "://"),
    "the name of a host": ("see evil.example", "evil.example"),
    "a host with www": ("see www.evil.example", "www.evil"),
    "an address": ("write to a@evil.example", "a@"),
    "a link of Slack": ("<https://evil.example|the bank>", "<https"),
    "HTML": ("<img src=x onerror=alert(1)>", "<img"),
    "code": ("`rm -rf`", "`"),
    "a new header": ("x\r\nBcc: a@b", "\n"),
    "a line of another alphabet": ("x\u2028y\u0085z", "\u2028"),
    "a sequence of the terminal": ("x\x1b[2Jy", "\x1b"),
    "text from right to left": ("pay \u202eevil\u202c", "\u202e"),
    "an Arabic mark": ("pay \u061cevil", "\u061c"),
    "what is not to be seen": ("ev\u200bil\u2060.exa\u00admple", "\u200b"),
    "tags": ("x\U000e0041y", "\U000e0041"),
    "half a character": ("x\ud800y", "\ud800"),
    "a null": ("x\0y", "\0"),
}


@pytest.mark.parametrize(("written", "never"), HOSTILE.values(), ids=list(HOSTILE))
def test_nothing_of_it_acts(written: str, never: str) -> None:
    assert never in written
    assert never not in neutral(written, 100)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("The wallet has 1.5 of 3", "The wallet has 1.5 of 3"),
        ("It failed. Then it worked", "It failed. Then it worked"),
        ("schlüssel für 지갑", "schlüssel für 지갑"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("step #7 of 9 & more", "step #7 of 9 & more"),
        ("two\t  words\n", "two words"),
    ],
)
def test_what_harms_nobody_stays_as_it_is(written: str, shown: str) -> None:
    assert neutral(written, 100).replace("＃", "#") == shown


@given(st.text(max_size=300), st.integers(0, 80))
def test_any_text_is_one_harmless_line_of_its_length(text: str, length: int) -> None:
    line = neutral(text, length)
    assert len(line) <= length
    assert not set("@<>`\r\n\0") & set(line)
    assert "://" not in line
    assert not re.search(r"\w\.[^\W\d_]", line)
    assert not [one for one in line if unicodedata.category(one) in ("Cc", "Cs", "Zl", "Zp")]
    assert neutral(line, length) == line


@given(st.text("*_[]()!~|#>-+=.1 a\\`<&;\n", max_size=40))
def test_no_text_formats_in_markdown(text: str) -> None:
    made = markdown(for_markdown(neutral(text, 80)))
    assert re.sub(r"</?p>", "", made).count("<") == 0, made


def test_what_is_cut_ends_with_an_ellipsis() -> None:
    assert [shortened("abcdef", length) for length in (6, 5, 1, 0)] == ["abcdef", "abcd…", "…", ""]
