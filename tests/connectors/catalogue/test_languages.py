"""Accept-Language, and which of our languages it gets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.connectors.catalogue import accepted, negotiate

OURS = ("de", "en", "es", "fr", "ko")

# header: (what is wanted, what it gets)
HEADERS: dict[str, tuple[list[str], str | None]] = {
    "": ([], None),
    "de": (["de"], "de"),
    "DE": (["DE"], "de"),
    "de-AT": (["de-AT"], "de"),
    "de_AT": (["de-AT"], "de"),
    "ko-KR, en;q=0.5": (["ko-KR", "en"], "ko"),
    "en;q=0.5, ko-KR": (["ko-KR", "en"], "ko"),
    "en;q=0.5,fr;q=0.9,es;q=0.9": (["fr", "es", "en"], "fr"),
    "pt-BR, es;q=0.8": (["pt-BR", "es"], "es"),
    "pt-BR": (["pt-BR"], None),
    "de;q=0, fr": (["fr"], "fr"),
    "de;q=0": ([], None),
    "*": (["en"], "en"),
    "fr;q=0.1, *;q=0.5": (["en", "fr"], "en"),
    "de;q=2, fr": (["fr"], "fr"),
    "de;q=high, fr": (["fr"], "fr"),
    "de;level=1, fr": (["fr"], "fr"),
    " , ,;q=1, fr ; q=0.3 ,": (["fr"], "fr"),
    "toolongatag, fr": (["fr"], "fr"),
    "fr" + " " * 2000 + ", de": (["fr"], "fr"),
    "zh-Hant-TW, fr": (["zh-Hant-TW", "fr"], "fr"),
}


@pytest.mark.parametrize(("header", "expected"), HEADERS.items(), ids=[repr(name)[:40] for name in HEADERS])
def test_negotiated(header: str, expected: tuple[list[str], str | None]) -> None:
    wanted = accepted(header)
    assert (wanted, negotiate(wanted, OURS)) == expected


def test_available_languages_keep_their_spelling() -> None:
    assert negotiate(["pt-br"], ["en", "pt_BR"]) == "pt_BR"
    assert negotiate(["en"], []) is None


@given(st.text(alphabet="abzAZ019*-_;=q., \t\u00e9", max_size=80) | st.text(max_size=40))
def test_any_header_is_taken(header: str) -> None:
    assert negotiate(accepted(header), OURS) in (None, *OURS)
