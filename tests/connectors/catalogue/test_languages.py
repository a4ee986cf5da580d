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


# what is wanted, what there is, what it gets
NEAREST: dict[str, tuple[list[str], list[str], str | None]] = {
    "without its region": (["fr-CA"], ["de", "fr"], "fr"),
    "with its region": (["fr-CA"], ["fr", "fr-CA"], "fr-CA"),
    "without its region, then its script": (["zh-Hant-TW"], ["en", "zh"], "zh"),
    "without its region only": (["zh-Hant-TW"], ["zh", "zh-Hant"], "zh-Hant"),
    "an extension goes as a whole": (["de-CH-x-phonebk"], ["de", "de-CH"], "de-CH"),
    "a private tag that is nothing without it": (["x-klingon"], ["en"], None),
    "a region of it, where there is no other": (["fr"], ["en", "fr-CA"], "fr-CA"),
    "another region, where there is no other": (["fr-CH"], ["fr-CA"], "fr-CA"),
    "the language comes before a region of it": (["fr"], ["fr-CA", "fr"], "fr"),
    "the plainest of several regions": (["pt"], ["pt-Latn-BR", "pt-PT", "pt-BR"], "pt-BR"),
    "no other script": (["zh-Hant-TW", "en"], ["zh-Hans", "en"], "en"),
    "any script, where none is said": (["zh"], ["zh-Hans"], "zh-Hans"),
    "a region of the first before the second": (["fr", "en"], ["en", "fr-CA"], "fr-CA"),
    "not a language that only begins so": (["fr"], ["fry", "frr-DE"], None),
    "in any case": (["FR-ca"], ["Fr"], "Fr"),
    "with underscores": (["fr_CA"], ["fr"], "fr"),
    "blanks around it": ([" fr "], ["fr"], "fr"),
    "nothing that is wanted": (["ko"], ["fr"], None),
    "nothing is wanted": ([], ["fr"], None),
    "an empty tag": ([""], ["fr"], None),
}


@pytest.mark.parametrize(("wanted", "available", "expected"), NEAREST.values(), ids=NEAREST)
def test_the_nearest(wanted: list[str], available: list[str], expected: str | None) -> None:
    assert negotiate(wanted, available) == expected


@given(st.text(alphabet="abzAZ019*-_;=q., \t\u00e9", max_size=80) | st.text(max_size=40))
def test_any_header_is_taken(header: str) -> None:
    assert negotiate(accepted(header), OURS) in (None, *OURS)
