"""YAML text to data and lines: what is taken, what is refused, and that nothing else can happen."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.streams.rulesfile.document import MAX_DEPTH, Unusable, read_document


@pytest.mark.parametrize(
    ("text", "data"),
    [
        pytest.param("", None, id="nothing"),
        pytest.param("# only a comment\n", None, id="a comment"),
        pytest.param("a: b", {"a": "b"}, id="a word"),
        pytest.param("a: 1\nb: -2\nc: 1.5", {"a": 1, "b": -2, "c": 1.5}, id="numbers"),
        pytest.param("a: true\nb: FALSE", {"a": True, "b": False}, id="truth"),
        pytest.param("a: yes\nb: on\nc: NO", {"a": "yes", "b": "on", "c": "NO"}, id="no truth in YAML 1.2"),
        pytest.param("a: 2027-01-01\nb: 1:30", {"a": "2027-01-01", "b": "1:30"}, id="dates and times are text"),
        pytest.param("a: '1'\nb: \"true\"", {"a": "1", "b": "true"}, id="quoted is text"),
        pytest.param("a:\nb: ~\nc: null", {"a": None, "b": None, "c": None}, id="nulls"),
        pytest.param("1: a\ntrue: b", {"1": "a", "true": "b"}, id="keys are text"),
        pytest.param("a: [1, {b: c}]\n", {"a": [1, {"b": "c"}]}, id="flow style"),
        pytest.param("a:\n- b\n- - c\n  - d\n", {"a": ["b", ["c", "d"]]}, id="nested lists"),
        pytest.param("a: |\n  x\n  y\n", {"a": "x\ny\n"}, id="a block of text"),
        pytest.param("---\na: b\n...\n", {"a": "b"}, id="document marks"),
        pytest.param("<<: b", {"<<": "b"}, id="a merge key is a key like any other"),
        pytest.param("- a", ["a"], id="a list"),
    ],
)
def test_taken(text: str, data: Any) -> None:
    assert read_document(text)[0] == data


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        pytest.param("a: 1\nb: 2\na: 3", 3, "the key 'a' is here twice", id="a key twice"),
        pytest.param("a: {b: 1, b: 2}", 1, "the key 'b' is here twice", id="a key twice in flow style"),
        pytest.param("a: &x 1", 1, "anchors and aliases", id="an anchor"),
        pytest.param("a: 1\nb: *x", 2, "anchors and aliases", id="an alias"),
        pytest.param("a: &x\n  b: c", 1, "anchors and aliases", id="an anchor on a mapping"),
        pytest.param("a: !!python/object:os.system x", 1, "tags", id="a tag of Python"),
        pytest.param("a: !!str 1", 1, "tags", id="a harmless tag"),
        pytest.param("a: !!map {}", 1, "tags", id="a tag on a mapping"),
        pytest.param("a: 1\n---\nb: 2", 2, "one document", id="two documents"),
        pytest.param("{[a]: b}", 1, "a key is a list", id="a list as key"),
        pytest.param("a: [1,\n", 2, "not YAML", id="an open bracket"),
        pytest.param("a: 1\n\tb: 2", 2, "not YAML", id="a tab"),
        pytest.param("a: \x00", 1, "not YAML", id="a control character"),
    ],
)
def test_refused(text: str, line: int, message: str) -> None:
    with pytest.raises(Unusable, match=message) as refused:
        read_document(text)
    assert refused.value.line == line


@pytest.mark.parametrize("opening", [pytest.param("[", id="flow lists"), pytest.param("- ", id="block lists")])
def test_depth(opening: str) -> None:
    closing = "]" if opening == "[" else "x"
    read_document(opening * MAX_DEPTH + closing * (MAX_DEPTH if opening == "[" else 1))
    for depth in (MAX_DEPTH + 1, 100_000):
        with pytest.raises(Unusable, match="nested deeper"):
            read_document(opening * depth)


def test_every_value_has_its_line() -> None:
    _, lines = read_document("a: 1\nb:\n  c: [x,\n    y]\n  d: z\n")
    assert lines == {
        (): 1,
        ("a",): 1,
        ("b",): 2,
        ("b", "c"): 3,
        ("b", "c", 0): 3,
        ("b", "c", 1): 4,
        ("b", "d"): 5,
    }


@given(st.text())
def test_any_text_is_data_or_unusable(text: str) -> None:
    with suppress(Unusable):
        read_document(text)


WORDS = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x2FFF), max_size=8)
DATA = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**17), 10**17) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)


@given(DATA)
def test_json_is_yaml(data: Any) -> None:
    assert read_document(json.dumps(data, ensure_ascii=True))[0] == data
