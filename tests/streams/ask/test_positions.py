"""The position of a stream as text: it comes back as it was, and no other text is taken for one."""

from __future__ import annotations

import base64
import zlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.streams.ask.positions import MAX_TEXT, PositionInvalid, positions_of, text_of

PLACES = st.dictionaries(
    st.sampled_from(["problems", "escalations"]), st.dictionaries(st.integers(0, 200), st.integers(0, 2**62 - 1))
)


@given(PLACES)
def test_a_position_comes_back(positions: dict[str, dict[int, int]]) -> None:
    text = text_of(positions)
    assert positions_of(text) == positions
    assert text.isascii()
    assert len(text) <= MAX_TEXT
    assert not set(text) & set("+/=&? \r\n")


def test_the_same_position_has_one_text() -> None:
    assert text_of({"a": {1: 2, 0: 3}, "b": {}}) == text_of({"b": {}, "a": {0: 3, 1: 2}})


@given(st.text() | st.text("ABCDEFabcdef0123456789-_=", max_size=60) | st.binary().map(lambda some: _packed(some)))
def test_arbitrary_text_is_no_position(text: str) -> None:
    """It is a position, or PositionInvalid is raised, and nothing else."""
    with suppress(PositionInvalid):
        assert positions_of(text_of(positions_of(text))) == positions_of(text)


def _packed(data: bytes) -> str:
    return base64.urlsafe_b64encode(zlib.compress(data)).decode().rstrip("=")


NONE: dict[str, str] = {
    "nothing": "",
    "a word": "what",
    "a surrogate": "\ud800",
    "no JSON": _packed(b"what"),
    "another shape": _packed(b"[1]"),
    "an offset below nothing": _packed(b'{"problems": {"0": -1}}'),
    "an offset that Kafka cannot have": _packed(b'{"problems": {"0": 4611686018427387904}}'),
    "an offset that is a text": _packed(b'{"problems": {"0": "1"}}'),
    "a partition that is a word": _packed(b'{"problems": {"all": 1}}'),
    "half of one": text_of({"problems": {0: 1}})[:10],
    "a text that is too long": "A" * (MAX_TEXT + 1),
    "a bomb": _packed(b" " * 10_000_000),
}


@pytest.mark.parametrize("text", NONE.values(), ids=NONE)
def test_what_is_no_position(text: str) -> None:
    with pytest.raises(PositionInvalid):
        positions_of(text)
