"""Every rule that a reader can flag has its sentence, and every sentence its rule."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import tocsin.connectors.dialects.rule_words as rule_words
from tests.connectors.dialects.test_mutations import BASE
from tocsin.connectors.dialects import NotAProblem, Unreadable, read_parsed
from tocsin.connectors.dialects.codes import parse_code
from tocsin.connectors.dialects.rule_words import RULE_WORDS, SOURCES
from tocsin.connectors.dialects.table import DIALECTS

HERE = Path(rule_words.__file__)
MODULES = {file.name: ast.parse(file.read_text()) for file in sorted(HERE.parent.glob("*.py")) if file != HERE}
KEBAB = re.compile(r"[a-z0-9]+(-[a-z0-9]+)+")


def _named(node: ast.expr, module: ast.Module) -> Iterator[str]:
    """The texts that an expression may be; a constant of the module counts as what it holds."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from _named(node.body, module)
        yield from _named(node.orelse, module)
    elif isinstance(node, ast.Name) and node.id.isupper():
        for line in module.body:
            if isinstance(line, ast.Assign) and getattr(line.targets[0], "id", "") == node.id:
                yield from _named(line.value, module)


def flagged(module: ast.Module) -> Iterator[str]:
    """The rules that a module names where it flags something."""
    for node in ast.walk(module):
        if not isinstance(node, ast.Call):
            continue
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        rules = [word.value for word in node.keywords if word.arg == "rule"] if called == "Violation" else []
        rules += node.args[:1] if called in ("flag", "refuse") else []
        for rule in rules:
            if not isinstance(rule, ast.JoinedStr):
                yield from _named(rule, module)


@pytest.mark.parametrize("name", MODULES)
def test_each_rule_that_a_reader_names_has_its_sentence(name: str) -> None:
    assert sorted(set(flagged(MODULES[name])) - set(RULE_WORDS)) == []


def test_the_readers_name_rules_where_this_test_looks() -> None:
    assert len({rule for module in MODULES.values() for rule in flagged(module)}) > 25


def test_each_sentence_has_its_rule() -> None:
    """A rule stands in the readers, whole or (`tracking-uri-not-a-uri`) as its end behind the name of a member."""
    texts = {
        part.value
        for module in MODULES.values()
        for part in ast.walk(module)
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    }
    assert [rule for rule in RULE_WORDS if rule not in texts and not rule.endswith("-uri-not-a-uri")] == []


def test_sentences_are_sentences() -> None:
    assert [words for words in RULE_WORDS.values() if not words.endswith(".") or "\n" in words] == []
    assert [rule for rule in RULE_WORDS if not KEBAB.fullmatch(rule)] == []
    assert set(SOURCES) <= set(DIALECTS)


ODD = st.sampled_from([
    "", " ", "E.P.x", "e.p.-x-", "e..x", "w", " e.p.x ", "e.p.a_b", "x" * 600, "e." + "a." * 60, "a b",
    "2019-05-27T18:23:06", "1558981386000", "HTTPS://x", "me", "ME - x", "{1} {2}", 1558981386000, -1, 0.5, 99, 600,
    True, None, [], {}, [1], ["a"], {"a": 1}, {"a": "b", "c": "d"}, [{"a": "b", "c": 1}], {"code": 1},
    {"en": 1, "no tag": "x"},
])  # fmt: skip
VALUES = ODD | st.recursive(
    ODD | st.text(max_size=8), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner)
)


@st.composite
def mutations(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """A whole document of a dialect in which some members are something else, gone, or spelt differently."""
    dialect = draw(st.sampled_from(sorted(BASE)))
    document = dict(BASE[dialect])
    for _ in range(draw(st.integers(1, 3))):
        _change(draw, document)
    return dialect, document


def _change(draw: st.DrawFn, inside: dict[str, Any]) -> None:
    name = draw(st.sampled_from([*sorted(inside), "~l10n", "x-thread", "thid"]))
    value = inside.get(name)
    how = draw(st.sampled_from(["deeper", "other value", "gone", "respelt"]))
    if how == "deeper" and isinstance(value, dict) and value:
        inside[name] = dict(value)
        _change(draw, inside[name])
    elif how == "gone":
        inside.pop(name, None)
    elif how == "respelt" and name in inside:
        change = draw(
            st.sampled_from([str.upper, str.title, lambda text: text.replace("-", "_"), lambda text: f"~{text}"])
        )
        inside[change(name)] = inside.pop(name)
    else:
        inside[name] = draw(VALUES)


@settings(max_examples=300, deadline=None)
@given(mutations(), st.booleans())
@example(("aries-1.0", BASE["aries-1.0"] | {"noticed_time": 1558981386}), False)
def test_whatever_is_flagged_has_its_sentence(mutated: tuple[str, dict[str, Any]], told: bool) -> None:
    dialect, document = mutated
    try:
        found = read_parsed(document, dialect) if told else read_parsed(document)
    except Unreadable:
        return
    if not isinstance(found, NotAProblem):
        assert {each.rule for each in found.violations} <= set(RULE_WORDS)


@given(st.text("ewpm.-_ A1", max_size=30) | st.text(max_size=20))
def test_whatever_is_flagged_of_a_code_has_its_sentence(code: str) -> None:
    assert set(parse_code(code).violations) <= set(RULE_WORDS)
