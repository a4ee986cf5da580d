"""Ids: sorted by time when new, the same for the same parts when derived, never the same for different parts."""

from __future__ import annotations

from uuid import UUID, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.schemas.ids import NAMESPACE, derived_id, idempotent_id, new_event_id

TEXT = st.text(st.sampled_from("ab\x1e\x1f01"), max_size=4)


def test_new_ids_are_canonical_uuid7_and_distinct() -> None:
    ids = [new_event_id() for _ in range(1000)]
    assert len(set(ids)) == 1000
    assert all(str(UUID(each)) == each and UUID(each).version == 7 for each in ids)
    assert [each[:8] for each in ids] == sorted(each[:8] for each in ids)


def test_derived_id_is_the_uuid5_of_the_joined_parts() -> None:
    assert derived_id("delivery", "e1", "ops") == str(uuid5(NAMESPACE, "delivery\x1fe1\x1fops"))


def test_derived_ids_do_not_change_between_releases() -> None:
    assert derived_id("delivery", "e1", "ops") == "0e721465-1f55-5a19-95f4-2f1f3c77a452"
    assert idempotent_id("acme", "key-1") == "73f119c1-4051-5b20-819f-91d899a1a119"


@given(st.lists(TEXT, min_size=1, max_size=3), st.lists(TEXT, min_size=1, max_size=3))
def test_different_parts_give_different_ids(left: list[str], right: list[str]) -> None:
    assert (derived_id(*left) == derived_id(*right)) == (left == right)


@pytest.mark.parametrize("part", ["", "\ud800", "🔔", "x" * 100_000])
def test_any_text_gives_an_id(part: str) -> None:
    assert UUID(derived_id(part)).version == 5
