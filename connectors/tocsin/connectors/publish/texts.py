"""What objects of a program say of themselves, as an event may carry it: bounded, as UTF-8, whatever they are."""

from __future__ import annotations

import reprlib
from collections.abc import Callable
from typing import Any

from tocsin.connectors.redaction import redact_text

MAX_TEXT = 2048
"""Characters of a text of a program that are told."""
MAX_SHOWN = 200
"""Characters that are told of how an object is written (`repr`)."""
MEMBERS, LEVELS = 40, 4
"""How many members of a container are written, and how deep those within it."""
LOOKED_AT = 2048
"""Characters behind the last that is told, in which a secret may end: cut in two it would not be known for one."""


class _Bounded(reprlib.Repr):
    """Writes the first members of what is large, and goes a few levels deep: all of it would take long to write."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlist = self.maxtuple = self.maxset = self.maxfrozenset = self.maxdeque = self.maxarray = MEMBERS
        self.maxdict, self.maxlevel = MEMBERS, LEVELS
        self.maxstring = self.maxlong = MAX_TEXT + LOOKED_AT

    def repr_instance(self, x: Any, level: int) -> str:
        """What is no container; `<Class>` if it fails."""
        try:
            return repr(x)
        except Exception:
            return f"<{type(x).__name__}>"


_WRITE: Callable[[object], str] = _Bounded().repr


def text_of(value: object, longest: int = MAX_TEXT) -> str:
    """Its text, empty if it has none. Never raises."""
    return _said_by(str, value, longest) or ""


def shown(value: object, longest: int = MAX_SHOWN, by: Callable[[object], str] = _WRITE) -> str:
    """How it is written, or as `by` says, `<Class>` if it cannot be. Never raises."""
    found = _said_by(by, value, longest)
    return f"<{type(value).__name__}>" if found is None else found


def sayable(text: str) -> str:
    """Without lone surrogates, as a file name that is no UTF-8 has them: no event could carry them."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def cut(text: str, longest: int = MAX_TEXT) -> str:
    """At most so many characters, and no part of a secret at their end."""
    return text if len(text) <= longest else redact_text(text[: longest + LOOKED_AT])[:longest]


def _said_by(say: Callable[[object], str], value: object, longest: int) -> str | None:
    try:
        return sayable(cut(str.__str__(say(value)), longest))
    except Exception:  # an object that fails when it is asked is still one to be told of
        return None
