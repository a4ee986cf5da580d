"""Avro's integers: both ways for all of 64 bits, nothing beyond."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.schemas.varints import MalformedValue, long_bytes, read_length, read_long

INT64 = st.integers(-(2**63), 2**63 - 1)


@given(INT64, st.binary(max_size=3), st.binary(max_size=3))
def test_every_long_comes_back(value: int, before: bytes, after: bytes) -> None:
    written = long_bytes(value)
    assert read_long(before + written + after, len(before)) == (value, len(before + written))


@pytest.mark.parametrize(("value", "written"), [(0, "00"), (-1, "01"), (1, "02"), (-64, "7f"), (64, "8001")])
def test_examples_of_the_avro_specification(value: int, written: str) -> None:
    assert long_bytes(value).hex() == written


@given(st.binary(max_size=12))
def test_any_bytes_are_a_long_or_refused(data: bytes) -> None:
    try:
        value, end = read_long(data, 0)
    except (MalformedValue, IndexError):
        return
    assert -(2**63) <= value < 2**63
    assert end <= min(10, len(data))


def test_a_negative_length_is_malformed() -> None:
    with pytest.raises(MalformedValue):
        read_length(b"\1", 0)
