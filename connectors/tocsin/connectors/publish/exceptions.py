"""An exception of Python as a problem of our own: what was raised, where, what caused it, and what else it says."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from itertools import starmap
from pathlib import PurePath
from types import FrameType

from tocsin.connectors.dialects.canonical import complete
from tocsin.connectors.publish.exception_codes import code_of, code_of_class
from tocsin.connectors.publish.texts import sayable, shown, text_of
from tocsin.schemas.problem import Http, Item, Problem

MAX_NAME = 200
"""Characters of the name of a class."""
MAX_CAUSES = 5
"""How far back causes are told."""
MAX_NOTES = 10
MAX_MEMBERS = 10
"""How many exceptions of a group are told."""
FIRST_FRAMES, LAST_FRAMES = 5, 20
"""How much of a longer stack is told: where it began, and where it ended."""
INSTALLED = ("site-packages", "dist-packages")
"""Folders that packages are installed in."""
MAX_LOCALS = 20
"""How many variables are told, by choice."""


def problem_of_exception(error: BaseException, *, code: str | None = None, variables: bool = False) -> Problem:
    """The problem that an exception is: its code (this one, `problem_code`'s, or `e.p.me.` and its class), with its
    text, where it was raised, its causes, the members of a group, notes and stack as items. `variables`: whether those
    of the function in which it was raised are told, too. Never raises."""
    name, text = _name(error), text_of(error)
    parts = [_kind, _place, _causes, _members, _notes, _stack, *([_variables] if variables else ())]
    return complete(
        Problem(
            dialect="canonical",
            code=code or code_of(error) or code_of_class(name),
            text=text or name,
            # The text is the detail, too: peers of less than high trust are told the title in its place.
            http=Http(title=name, detail=text or None),
            items=[item for part in parts for item in _told_by(part, error)],
            noticed_at=time.time_ns() // 1000,
        )
    )


def _name(error: BaseException) -> str:
    try:
        return text_of(type(error).__name__, MAX_NAME) or "Exception"
    except Exception:  # of a class of a class that makes its names itself
        return "Exception"


def _told_by(part: Callable[[BaseException], Iterable[Item]], error: BaseException) -> list[Item]:
    """A part of what is told, nothing if the exception fails when it is asked for it: the others are told."""
    try:
        return list(part(error))
    except Exception:
        return []


def _kind(error: BaseException) -> list[Item]:
    full = _full_name(error)
    return [] if full == _name(error) else [Item(key="exception", value=full)]


def _full_name(error: BaseException) -> str:
    kind = type(error)
    full = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return text_of(full)


def _place(error: BaseException) -> list[Item]:
    frames = _frames(error)
    return [Item(key="raised_at", value=_at(*frames[-1]))] if frames else []


def _frames(error: BaseException) -> list[tuple[FrameType, int]]:
    return list(traceback.walk_tb(error.__traceback__))


def _at(frame: FrameType, line: int) -> str:
    return text_of(f"{_file(frame.f_code.co_filename)}:{line} {frame.f_code.co_name}")


def _file(path: str) -> str:
    """Of an installed package from its name on, of other code the name alone: a folder says where something stands,
    which is nobody's business. The lines of the source are not read."""
    parts = PurePath(path).parts
    for at in range(len(parts) - 2, -1, -1):
        if parts[at] in INSTALLED:
            return "/".join(parts[at + 1 :])
    return parts[-1] if parts else ""


def _stack(error: BaseException) -> list[Item]:
    frames = _frames(error)
    if len(frames) < 2:
        return []  # where it was raised is told already
    left_out = len(frames) - FIRST_FRAMES - LAST_FRAMES
    if left_out <= 0:
        return [Item(key="stack", value="\n".join(starmap(_at, frames)))]
    first, last = starmap(_at, frames[:FIRST_FRAMES]), starmap(_at, frames[-LAST_FRAMES:])
    return [Item(key="stack", value="\n".join([*first, f"... {left_out} more ...", *last]))]


def _variables(error: BaseException) -> Iterator[Item]:
    frames = _frames(error)
    for name, value in list(frames[-1][0].f_locals.items())[:MAX_LOCALS] if frames else ():
        yield Item(key=sayable(name), value=shown(value))


def _notes(error: BaseException) -> list[Item]:
    notes = getattr(error, "__notes__", None)
    if not isinstance(notes, list):
        return []
    return [Item(key="note", value=text_of(note)) for note in notes[:MAX_NOTES]]


def _members(error: BaseException) -> list[Item]:
    """The exceptions of a group, those of groups within it as well, the first of them."""
    if not isinstance(error, BaseExceptionGroup):
        return []
    told, waiting = list[Item](), list(error.exceptions)
    while waiting and len(told) < MAX_MEMBERS:
        one = waiting.pop(0)
        if isinstance(one, BaseExceptionGroup):
            waiting = [*one.exceptions, *waiting]
            continue
        [at] = [f" at {place.value}" for place in _place(one)] or [""]
        told.append(Item(key="among", value=f"{_full_name(one)}: {text_of(one)}{at}"))
    return [*told, Item(key="among", value=f"... and {len(waiting)} more")] if waiting else told


def _causes(error: BaseException) -> list[Item]:
    found: list[Item] = []
    seen = {id(error)}
    cause = _cause_of(error)
    while cause is not None and id(cause) not in seen and len(found) < MAX_CAUSES:
        seen.add(id(cause))
        found.append(Item(key="caused_by", value=f"{_full_name(cause)}: {text_of(cause)}"))
        cause = _cause_of(cause)
    return found


def _cause_of(error: BaseException) -> BaseException | None:
    # Asked for None, not for truth: an exception may have a length, or a truth that fails.
    if error.__cause__ is not None or error.__suppress_context__:
        return error.__cause__
    return error.__context__
