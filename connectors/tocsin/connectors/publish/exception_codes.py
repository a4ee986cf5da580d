"""Which problem code an exception has, as its program says (`problem_code(ValueError, "e.p.msg")`), or by its class;
and what is logged without one, by its logger."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

from tocsin.connectors.dialects.codes import MAX_CODE_LENGTH

Code = str | Callable[[Any], str | None]
"""A code, or a function that finds it in the exception (an HTTP status, a SQLSTATE); None: that of its base class."""

_Decorated = TypeVar("_Decorated")
_CODES: dict[type[BaseException], Code] = {}


def problem_code(kind: type[BaseException], code: Code) -> Callable[[_Decorated], _Decorated]:
    """From now on exceptions of this class, and of classes below it that have none of their own, have this code in this
    process. To be called, or to stand as a decorator above what raises them. Raises TypeError, ValueError."""
    if not (isinstance(kind, type) and issubclass(kind, BaseException)):
        raise TypeError(f"problem_code: a class of exceptions is expected, not {kind!r}")
    if not callable(code) and not _is_code(code):
        raise ValueError(f'problem_code: a problem code, such as "e.p.msg", is expected, not {code!r}')
    _CODES[kind] = code
    return _unchanged


def code_of(error: BaseException) -> str | None:
    """The code of an exception by the nearest of its classes that has one. Never raises."""
    for kind in type(error).__mro__:
        code = _CODES.get(kind)
        if code is None:
            continue
        try:
            found = code if isinstance(code, str) else code(error)
        except Exception:  # a function of the program that fails must not hide the error that it was asked about
            continue
        if _is_code(found):
            return found
    return None


def code_of_class(name: str) -> str:
    """The code of an exception that has no other, by the name of its class: `e.p.me.http-status-error` of
    `HTTPStatusError`."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", name)
    return f"e.p.me.{_token(words)[:64] or 'exception'}"


def code_of_logger(name: str, *, error: bool) -> str:
    """The code of what was logged without an exception: `e.p.me.log.app.orders`, or `w.p.me.log.app.orders`."""
    words = ".".join(filter(None, map(_token, name.split("."))))[:64]
    return ".".join(filter(None, (f"{'e' if error else 'w'}.p.me.log", words)))


def _token(words: str) -> str:
    """Only what a token of a code may have."""
    return re.sub(r"[^a-z0-9-]+", "-", words.lower()).strip("-")


def _is_code(code: object) -> bool:
    return isinstance(code, str) and 0 < len(code) <= MAX_CODE_LENGTH and code.isprintable() and not code.isspace()


def _unchanged(decorated: _Decorated) -> _Decorated:
    return decorated
