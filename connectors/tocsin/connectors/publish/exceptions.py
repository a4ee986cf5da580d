"""An exception of Python as a problem of our own: what was raised, where, and what caused it."""

from __future__ import annotations

import re
import time
import traceback
from pathlib import PurePath

from tocsin.connectors.dialects.canonical import complete
from tocsin.schemas.problem import Http, Item, Problem

MAX_TEXT = 2048
"""Characters of an exception's text that are told."""
MAX_CAUSES = 5
"""How far back causes are told."""


def problem_of_exception(error: BaseException) -> Problem:
    """The problem that an exception is: an internal error (`e.p.me.` and the name of its class), with its text, where
    it was raised, and its causes as items. Local variables are not looked at. Never raises."""
    name, text = type(error).__name__, _text(error)
    return complete(
        Problem(
            dialect="canonical",
            code=f"e.p.me.{_kebab(name)}",
            text=text or name,
            # The text is the detail, too: peers of less than high trust are told the title in its place.
            http=Http(title=name, detail=text or None),
            items=[*_kind(error), *_place(error), *_causes(error)],
            noticed_at=time.time_ns() // 1000,
        )
    )


def _text(error: BaseException) -> str:
    try:
        return _sayable(str(error)[:MAX_TEXT])
    except Exception:  # an exception whose __str__ fails is still a problem
        return ""


def _sayable(text: str) -> str:
    """Without lone surrogates, as a file name that is no UTF-8 has them: no event could carry them."""
    return text.encode("utf-8", "backslashreplace").decode()


def _kind(error: BaseException) -> list[Item]:
    full = _full_name(error)
    return [] if full == type(error).__name__ else [Item(key="exception", value=full)]


def _full_name(error: BaseException) -> str:
    kind = type(error)
    full = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return _sayable(full[:MAX_TEXT])


def _place(error: BaseException) -> list[Item]:
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return []
    last = frames[-1]
    # The folder says where something is installed, which is nobody's business.
    return [Item(key="raised_at", value=_sayable(f"{PurePath(last.filename).name}:{last.lineno} {last.name}"))]


def _causes(error: BaseException) -> list[Item]:
    found: list[Item] = []
    seen = {id(error)}
    cause = _cause_of(error)
    while cause is not None and id(cause) not in seen and len(found) < MAX_CAUSES:
        seen.add(id(cause))
        found.append(Item(key="caused_by", value=f"{_full_name(cause)}: {_text(cause)}"))
        cause = _cause_of(cause)
    return found


def _cause_of(error: BaseException) -> BaseException | None:
    # Asked for None, not for truth: an exception may have a length, or a truth that fails.
    if error.__cause__ is not None or error.__suppress_context__:
        return error.__cause__
    return error.__context__


def _kebab(name: str) -> str:
    """`HTTPStatusError` as `http-status-error`; only what a token of a code may have."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", name)
    return re.sub(r"[^a-z0-9-]+", "-", words.lower()).strip("-")[:64] or "exception"
