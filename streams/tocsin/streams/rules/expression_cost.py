"""What an expression may cost at most, known before it is ever evaluated; and which values it needs.

Every value has a `Shape`: how much it weighs at most, by the bounds that `rules.facts` puts on what an expression sees
(2,048 characters of a text, 50 entries of a list), and what it holds. A step of the evaluation costs what the values
weigh that it copies or compares; a loop costs its body as many times as there can be entries. So the worst case is
known from the tree alone, and an expression that could go over BUDGET is refused when the rules file is read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import NamedTuple

from msgspec import Struct, field

from tocsin.streams.rules.expression_shapes import CHARACTERS, Shape, roots
from tocsin.streams.rules.expression_syntax import MACROS, ExpressionRefused, Node

BUDGET = 1_000_000
"""The most that one evaluation may cost: a unit is a value, or 64 characters of a text, that is copied or compared."""

MAX_MACROS = 8
"""Macros in one expression, of which at most MAX_NESTED stand inside each other."""

MAX_NESTED = 2

SCAN = 32
"""What a regular expression costs, in units, for each unit of the text that it is held against."""

STATES = ((re.compile(r"\\[wWpPbB]"), 20_000), (re.compile(r"\\[dDsS]"), 2_000), (re.compile(r"\.|\[\^"), 200))
"""What it costs to compile classes of Unicode characters, which is done at every evaluation."""

STATE = 8
"""What it costs to compile any other character of a regular expression."""

FUNCTIONS = frozenset({"size", "contains", "startsWith", "endsWith", "matches", "int", "uint", "double", "string"})
"""The functions that an expression may call, besides operators and MACROS."""


class Analysis(Struct):
    """What is known of an expression: its `cost` at most, the CEL `text` to compile, and the `paths` of the values
    that this text calls by a name of its own."""

    cost: int = 0
    text: str = ""
    paths: dict[tuple[str, ...], str] = field(default_factory=dict)


def analyse(tree: Node) -> Analysis:
    """The worst case of an expression. Raises ExpressionRefused for a name, a member or a function that is not there,
    and for what could cost more than BUDGET."""
    analyser = _Analyser()
    cost, _, text = analyser.walk(tree, {})
    if analyser.macros > MAX_MACROS:
        raise _too_many_loops()
    if cost > BUDGET:
        raise ExpressionRefused("it could cost too much", f"at most {BUDGET:,} units, not {cost:,}", "loop over less")
    return Analysis(cost, text, analyser.paths)


class _Found(NamedTuple):
    """The cost of a part, the shape of its value, and the part in CEL."""

    cost: int
    shape: Shape
    text: str


_PREFIX = "__"
"""What names that we give to values begin with."""
_FLAG = Shape(known=True)
_REPEATED = re.compile(r"\{(\d*)(?:,(\d*))?\}")


class _Analyser:
    def __init__(self) -> None:
        self.macros, self._nested = 0, 0
        self.paths: dict[tuple[str, ...], str] = {}

    def walk(self, node: Node, variables: Mapping[str, Shape]) -> _Found:
        """What is found of a part: a value that is always there is called by a name of its own, all else is built
        anew from its parts."""
        path = self._path(node, variables)
        if path is not None:
            names, shape = path
            name = self.paths.setdefault(names, f"{_PREFIX}{len(self.paths)}")
            return _Found(shape.weight, shape, name)
        found: _Found = getattr(self, f"_{node.kind}")(node, variables)  # the method that is named after its kind
        if found.cost > BUDGET**3:  # so that a tower of joins does not make numbers of a million digits
            raise ExpressionRefused("it could cost too much", f"at most {BUDGET:,} units", "join less")
        return found

    def _path(self, node: Node, variables: Mapping[str, Shape]) -> tuple[tuple[str, ...], Shape] | None:
        """The path of a value that is always there, such as problem.source.service."""
        if node.kind == "name" and node.value not in variables:
            shape = roots().get(node.value)
            if shape is None:
                raise _unknown(node.value, sorted([*roots(), *variables]), "")
            return (node.value,), shape
        if node.kind != "select":
            return None
        around = self._path(node.children[0], variables)
        if around is None or around[1].members is None or around[1].optional:
            return None
        return (*around[0], node.value), _member(around[1], node.value, ".".join(around[0]))

    def _all(self, nodes: tuple[Node, ...], variables: Mapping[str, Shape]) -> tuple[int, list[Shape], list[str]]:
        found = [self.walk(one, variables) for one in nodes]
        return sum(one.cost for one in found), [one.shape for one in found], [one.text for one in found]

    def _literal(self, node: Node, variables: Mapping[str, Shape]) -> _Found:
        shape = Shape(1 + len(node.value) // CHARACTERS, known=True)
        return _Found(shape.weight, shape, f"({node.value})" if node.value.startswith("-") else node.value)

    def _name(self, node: Node, variables: Mapping[str, Shape]) -> _Found:
        return _Found(variables[node.value].weight, variables[node.value], node.value)

    def _select(self, node: Node, variables: Mapping[str, Shape]) -> _Found:
        cost, around, text = self.walk(node.children[0], variables)
        shape = _member(around, node.value, _shown(node.children[0]))
        return _Found(cost + shape.weight, shape, f"{text}.{node.value}")

    def _has(self, node: Node, variables: Mapping[str, Shape]) -> _Found:
        cost, _, text = self._select(node, variables)
        return _Found(cost, _FLAG, f"has({text})")

    def _index(self, node: Node, variables: Mapping[str, Shape]) -> _Found:
        cost, (around, _), (text, index) = self._all(node.children, variables)
        entry = (around.value or around.item) if around.known and around.members is None else None
        shape = entry or Shape(around.weight)
        return _Found(cost + shape.weight, shape, f"{text}[{index}]")

    def _list(self, node: Node, variables: Mapping[str, Shape]) -> _Found:
        cost, shapes, texts = self._all(node.children, variables)
        weight = 1 + sum(one.weight for one in shapes)
        item = Shape(max((one.weight for one in shapes), default=1))
        return _Found(cost + weight, Shape(weight, len(shapes), item=item), f"[{', '.join(texts)}]")

    def _map(self, node: Node, variables: Mapping[str, Shape]) -> _Found:
        cost, shapes, texts = self._all(node.children, variables)
        entries = ", ".join(f"{key}: {value}" for key, value in zip(texts[::2], texts[1::2], strict=True))
        weight = 1 + sum(one.weight for one in shapes)
        return _Found(cost + weight, Shape(weight), f"{{{entries}}}")

    def _unary(self, node: Node, variables: Mapping[str, Shape]) -> _Found:
        cost, _, text = self.walk(node.children[0], variables)
        return _Found(cost + 1, Shape(), f"{node.value}({text})")

    def _binary(self, node: Node, variables: Mapping[str, Shape]) -> _Found:
        cost, (left, right), (one, other) = self._all(node.children, variables)
        both = left.weight + right.weight
        joined = node.value == "+"
        return _Found(cost + both, Shape(both) if joined else Shape(), f"({one} {node.value} {other})")

    def _all_of(self, node: Node, variables: Mapping[str, Shape]) -> _Found:
        cost, _, texts = self._all(node.children, variables)
        return _Found(cost + len(texts), Shape(), f"({f' {node.value} '.join(texts)})")

    _any_of = _all_of

    def _choice(self, node: Node, variables: Mapping[str, Shape]) -> _Found:
        cost, (_, yes, no), texts = self._all(node.children, variables)
        shape = yes if yes == no else Shape(max(yes.weight, no.weight))
        return _Found(cost + 1, shape, f"({texts[0]} ? {texts[1]} : {texts[2]})")

    def _call(self, node: Node, variables: Mapping[str, Shape]) -> _Found:
        cost, shape, texts = self._called(node, variables)
        return _Found(cost, shape, f"{node.value}({', '.join(texts)})")

    def _method(self, node: Node, variables: Mapping[str, Shape]) -> _Found:
        cost, shape, texts = self._called(node, variables)
        return _Found(cost, shape, f"({texts[0]}).{node.value}({', '.join(texts[1:])})")

    def _called(self, node: Node, variables: Mapping[str, Shape]) -> tuple[int, Shape, list[str]]:
        name = node.value
        if name not in FUNCTIONS:
            known = [*sorted(FUNCTIONS), *MACROS]
            guess = get_close_matches(name, known, n=1)
            remedy = f"did you mean {guess[0]}?" if guess else ""
            raise ExpressionRefused(f"there is no function {name}", f"one of {', '.join(known)}", remedy)
        cost, shapes, texts = self._all(node.children, variables)
        weight = sum(one.weight for one in shapes)
        if name == "matches":
            cost += _matching(node, weight)
        return cost + weight + 1, Shape(weight) if name == "string" else Shape(), texts

    def _macro(self, node: Node, variables: Mapping[str, Shape]) -> _Found:
        name, _, variable = node.value.partition(" ")
        if variable.startswith(_PREFIX):
            raise ExpressionRefused(f"a variable cannot be named {variable}", f"a name without {_PREFIX} in front")
        cost, around, text = self.walk(node.children[0], variables)
        self.macros += 1
        self._nested += 1
        if self._nested > MAX_NESTED:
            raise _too_many_loops()
        item = (around.item or Shape()) if around.known else Shape(around.weight)
        count = around.weight if around.count is None else around.count
        inside, shapes, texts = self._all(node.children[1:], {**variables, variable: item})
        self._nested -= 1
        weight = around.weight if name == "filter" else 1 + count * shapes[-1].weight
        entry = item if name == "filter" else shapes[-1]
        result = Shape(weight, count, item=entry, known=True) if name in ("filter", "map") else Shape()
        # each entry is bound to the variable; a list that is the result is copied for each entry that is added
        cost += count * (inside + item.weight + 4 + (weight if name in ("filter", "map") else 1))
        return _Found(cost, result, f"({text}).{name}({variable}, {', '.join(texts)})")


def _matching(node: Node, weight: int) -> int:
    pattern = node.children[-1].text
    if len(node.children) != 2 or pattern is None:
        raise ExpressionRefused("matches needs its pattern as a text", "a regular expression in quotes")
    return cost_of_pattern(pattern) + SCAN * weight


def cost_of_pattern(pattern: str) -> int:
    """What it costs at most, in units, to compile a regular expression."""
    repeats = 1
    for found in _REPEATED.finditer(pattern):
        repeats *= max([2, *(int(each[:9]) for each in found.groups() if each)])
    states = STATE * (32 + len(pattern)) + sum(cost * len(one.findall(pattern)) for one, cost in STATES)
    return states * repeats


def _member(around: Shape, name: str, path: str) -> Shape:
    if not around.known:
        return Shape(around.weight)
    if around.members is not None:
        shape = around.members.get(name)
        if shape is None:
            raise _unknown(name, around.members, path)
        return shape
    if around.value is not None:
        return around.value
    raise ExpressionRefused(f"{path or 'this'} has no members", f"it is no object: {path or 'a value'} alone")


def _unknown(name: str, known: Mapping[str, object] | list[str], path: str) -> ExpressionRefused:
    prefix = f"{path}." if path else ""
    guess = get_close_matches(name, known, n=1)
    remedy = f"did you mean {prefix}{guess[0]}?" if guess else ""
    expected = f"one of {', '.join(known)}"
    return ExpressionRefused(f"there is no {prefix}{name}", expected, remedy)


def _shown(node: Node) -> str:
    """A path for people; empty when it is not one."""
    if node.kind == "name":
        return node.value
    around = _shown(node.children[0]) if node.kind == "select" else ""
    return f"{around}.{node.value}" if around else ""


def _too_many_loops() -> ExpressionRefused:
    expected = f"at most {MAX_MACROS} of {', '.join(MACROS)}, {MAX_NESTED} inside each other"
    return ExpressionRefused("it has too many loops", expected)
