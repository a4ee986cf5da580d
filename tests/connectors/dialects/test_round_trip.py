"""What a dialect can carry comes back as it was: written, as bytes, read. And once read, it stays what it is."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.harness.problem_strategies import CARRIED, as_sent
from tocsin.connectors.dialects import load_dialect, read_document
from tocsin.connectors.dialects.json_text import json_text
from tocsin.connectors.dialects.table import WRITTEN
from tocsin.schemas.problem import Problem


def sent_and_read(problem: Problem, dialect: str) -> Problem:
    document = as_sent(load_dialect(dialect).write(problem))
    read = read_document(json_text(document).encode(), dialect)
    assert isinstance(read, Problem)
    return read


def test_no_dialect_is_forgotten() -> None:
    assert CARRIED.keys() == {*WRITTEN}


@pytest.mark.parametrize("dialect", CARRIED)
@settings(max_examples=100)
@given(data=st.data())
def test_what_a_dialect_carries_comes_back(dialect: str, data: st.DataObject) -> None:
    strategy, fields = CARRIED[dialect]
    problem = data.draw(strategy)
    read = sent_and_read(problem, dialect)
    lost = {name: (getattr(problem, name), getattr(read, name)) for name in fields}
    assert {name: pair for name, pair in lost.items() if pair[0] != pair[1]} == {}


@pytest.mark.parametrize("dialect", CARRIED)
@settings(max_examples=100)
@given(data=st.data())
def test_what_we_write_breaks_no_rule(dialect: str, data: st.DataObject) -> None:
    read = sent_and_read(data.draw(CARRIED[dialect][0]), dialect)
    if dialect != "canonical":
        assert read.violations == []
        assert read.conformant


@pytest.mark.parametrize("dialect", CARRIED)
@settings(max_examples=100)
@given(data=st.data())
def test_in_the_end_a_journey_changes_nothing(dialect: str, data: st.DataObject) -> None:
    # DIDComm v1 says the scope of a code as the impact too, and so may learn a member on its second journey
    travelled = sent_and_read(sent_and_read(data.draw(CARRIED[dialect][0]), dialect), dialect)
    assert sent_and_read(travelled, dialect) == travelled
