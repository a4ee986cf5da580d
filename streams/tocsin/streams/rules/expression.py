"""CEL in a match (`expr`): a total language without clock, I/O or recursion, over one problem. It always ends.

An expression sees `problem`, `thread` (the context) and `tenant`; each member is there, null when it is not known.
One that cannot be worked out for a problem (a member of null, a wrong type) does not match it. What an evaluation may
cost is bounded before the first one (`expression_cost`).
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from tocsin.schemas.problem import Problem
from tocsin.streams.rules.expression_cost import analyse
from tocsin.streams.rules.expression_syntax import ExpressionRefused, parse
from tocsin.streams.rules.facts import Facts

if TYPE_CHECKING:
    import cel

MAX_LENGTH = 1024
"""Characters of an expression."""


class _Compiled(Struct, frozen=True):
    """A CEL program, and the values that it needs: the name of each in the program, its path in the document."""

    program: cel.Program
    values: tuple[tuple[str, tuple[str, ...]], ...]


def check_expression(expression: str) -> None:
    """Raises ExpressionRefused when it is not CEL, names what is not there, or could cost too much."""
    if len(expression) > MAX_LENGTH:
        raise ExpressionRefused("it is too long", f"at most {MAX_LENGTH} characters")
    try:
        _compiled(expression)
    except ValueError as error:
        raise ExpressionRefused(_one_line(error)) from None
    result = _executed(expression, Facts(Problem(dialect="", code=""), "").document)
    if result is not None and not isinstance(result, bool):
        raise ExpressionRefused("it does not give true or false")


def cost_of(expression: str) -> int:
    """What one evaluation costs at most, in units of `expression_cost`. Raises ExpressionRefused."""
    return analyse(parse(expression)).cost


def holds(expression: str, document: dict[str, Any]) -> bool:
    """Whether an expression is true of a `Facts.document`; False when it cannot be worked out."""
    return _executed(expression, document) is True


def _executed(expression: str, document: dict[str, Any]) -> Any:
    try:
        compiled = _compiled(expression)
        return compiled.program.execute({name: _at(path, document) for name, path in compiled.values})
    except Exception:  # whatever CEL raises for this document: a member of null, a wrong type, an overflow
        return None


def _at(path: tuple[str, ...], document: Any) -> Any:
    for name in path:
        document = document[name]
    return document


@lru_cache(maxsize=1024)
def _compiled(expression: str) -> _Compiled:
    analysis = analyse(parse(expression))
    return _Compiled(compile_cel(analysis.text), tuple((name, path) for path, name in analysis.paths.items()))


def compile_cel(text: str) -> cel.Program:
    """CEL's program of a text. Raises ValueError."""
    import cel  # with it comes a terminal toolkit, which takes every process and command half a second

    return cel.compile(text)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
