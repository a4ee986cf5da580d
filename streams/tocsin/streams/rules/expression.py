"""CEL in a match (`expr`): a total language without clock, I/O or recursion, over one problem. It always ends.

An expression sees `problem`, `thread` (the context) and `tenant`; each member is there, null when it is not known.
One that cannot be worked out for a problem (a member of null, a wrong type) does not match it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import cel

from tocsin.schemas.errors import TocsinError
from tocsin.schemas.problem import Problem
from tocsin.streams.rules.facts import Facts

MAX_LENGTH = 1024
"""Characters of an expression."""

MAX_MACROS = 8
"""Macros in one expression, of which at most MAX_NESTED stand inside each other: each level multiplies the steps."""

MAX_NESTED = 2

FUNCTIONS = frozenset({"size", "contains", "startsWith", "endsWith", "matches", "int", "uint", "double", "string"})
"""The functions that an expression may call, besides operators and MACROS."""

MACROS = ("all", "exists", "exists_one", "filter", "map")

_NAMES = frozenset({"problem", "thread", "tenant"})
_TYPES = frozenset({"int", "uint", "double", "bool", "string", "bytes", "list", "map", "null_type"})
_OPERATOR = re.compile(r"@[a-z_]+|[^A-Za-z]+")
_MACRO = re.compile(rf"\.(?:{'|'.join(MACROS)})\(\s*(\w+)\s*,")
_TEXT = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'")


class ExpressionRefused(TocsinError):
    """An expression that may not be used; `expected` says what would be taken."""

    def __init__(self, why: str, expected: str = "") -> None:
        super().__init__(why)
        self.expected = expected


def check_expression(expression: str) -> None:
    """Raises ExpressionRefused when it is not CEL, is too large, or names what is not there."""
    if len(expression) > MAX_LENGTH:
        raise ExpressionRefused("it is too long", f"at most {MAX_LENGTH} characters")
    try:
        program = cel.compile(expression)
    except ValueError as error:
        raise ExpressionRefused(_one_line(error)) from None
    bare = _TEXT.sub("''", expression)
    unknown = sorted(set(program.variables()) - _NAMES - _TYPES - set(_MACRO.findall(bare)))
    if unknown:
        raise ExpressionRefused(f"there is no {', '.join(unknown)}", f"one of {', '.join(sorted(_NAMES))}")
    functions = sorted(name for name in program.functions() if not _OPERATOR.fullmatch(name) and name not in FUNCTIONS)
    if functions:
        expected = f"one of {', '.join(sorted(FUNCTIONS))}, {', '.join(MACROS)}"
        raise ExpressionRefused(f"there is no function {', '.join(functions)}", expected)
    if len(_MACRO.findall(bare)) > MAX_MACROS or _nested(bare) > MAX_NESTED:
        expected = f"at most {MAX_MACROS} of {', '.join(MACROS)}, {MAX_NESTED} inside each other"
        raise ExpressionRefused("it has too many loops", expected)
    result = _executed(expression, Facts(Problem(dialect="", code=""), "").document)
    if result is not None and not isinstance(result, bool):
        raise ExpressionRefused("it does not give true or false")


def holds(expression: str, document: dict[str, Any]) -> bool:
    """Whether an expression is true of a `Facts.document`; False when it cannot be worked out."""
    return _executed(expression, document) is True


def _executed(expression: str, document: dict[str, Any]) -> Any:
    try:
        return _compiled(expression).execute(document)
    except Exception:  # whatever CEL raises for this document: a member of null, a wrong type, an overflow
        return None


@lru_cache(maxsize=1024)
def _compiled(expression: str) -> cel.Program:
    return cel.compile(expression)


def _nested(bare: str) -> int:
    """How many macros stand inside each other at most; `bare` has no texts."""
    deepest, closing, depth = 0, [], 0
    starts = {found.end() for found in re.finditer(rf"\.(?:{'|'.join(MACROS)})\(", bare)}
    for at, letter in enumerate(bare, 1):
        if letter == "(":
            depth += 1
            if at in starts:
                closing.append(depth)
                deepest = max(deepest, len(closing))
        elif letter == ")":
            if closing and closing[-1] == depth:
                closing.pop()
            depth -= 1
    return deepest


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
