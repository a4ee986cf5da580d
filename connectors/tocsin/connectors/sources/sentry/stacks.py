"""The exceptions of an event as items: what was raised, where, what caused it, the members of a group, the stack.

As `publish.exceptions` says it of an exception of Python: frames without folders, source lines and variables.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from tocsin.connectors.dialects.json_text import json_text
from tocsin.connectors.publish.exceptions import FIRST_FRAMES, LAST_FRAMES, MAX_CAUSES, MAX_MEMBERS
from tocsin.connectors.publish.texts import MAX_TEXT
from tocsin.connectors.sources.sentry.lenient import object_of, objects_of, text_of
from tocsin.schemas.problem import Item

MAX_EXCEPTIONS = 50
"""How many exceptions of a chain or group are looked at."""
MAX_FRAMES = 200
"""How many frames of a stack are looked at, from where it ended."""
MAX_NAME = 200
MAX_TRACE = 16 * 1024
"""Characters of the whole trace that is kept, of all exceptions together."""

_BUILTIN = ("builtins", "__builtins__", "exceptions")
_OF_GROUP = re.compile(r"(?:exceptions|errors)\[")
_FOLDERS = re.compile(r".*[/\\]", re.DOTALL)

Exceptions = list[dict[str, Any]]
"""The exceptions of an event, as it has them: what was raised at the end, each after its cause."""


def exceptions_of(event: dict[str, Any]) -> Exceptions:
    """Those of an event that say anything."""
    found = objects_of(event.get("exception"))[-MAX_EXCEPTIONS:]
    return [one for one in found if one.get("type") or one.get("value")]


def class_of(exception: dict[str, Any]) -> str:
    """The name of its class, without its module."""
    return text_of(exception.get("type"), MAX_NAME)


def words_of(exception: dict[str, Any]) -> str:
    """What it says."""
    return text_of(exception.get("value"), MAX_TEXT)


def is_unhandled(exceptions: Exceptions) -> bool:
    """Whether nobody caught what was raised."""
    return any(object_of(one.get("mechanism")).get("handled") is False for one in exceptions)


def items_of(exceptions: Exceptions) -> list[Item]:
    """What is told of them."""
    if not exceptions:
        return []
    raised, frames = exceptions[-1], _frames(exceptions[-1])
    full = _full_name(raised)
    return [
        *([Item(key="exception", value=full)] if full and full != class_of(raised) else []),
        *([Item(key="raised_at", value=frames[-1])] if frames else []),
        *_causes(exceptions),
        *_members(exceptions),
        *([Item(key="stack", value="\n".join(_middle_left_out(frames)))] if len(frames) > 1 else []),
    ]


def trace_of(exceptions: Exceptions) -> str:
    """The stacks of all of them, what was raised first, as JSON text of at most MAX_TRACE characters."""
    room, told = MAX_TRACE, list[dict[str, object]]()
    for exception in reversed(exceptions):
        one: dict[str, Any] = {"exception": _full_name(exception), "frames": []}
        room -= len(json_text(one)) + 1
        frames = _frames(exception)[::-1]
        for frame in frames:
            room -= len(json_text(frame)) + 1
            if room < 0:
                break
            one["frames"].append(frame)
        if one["frames"]:
            told.append(one)
        if room < 0:
            break
    return json_text(told) if told else ""


def _full_name(exception: dict[str, Any]) -> str:
    name, module = class_of(exception), text_of(exception.get("module"), MAX_NAME)
    return f"{module}.{name}" if module and module not in _BUILTIN else name


def _said(exception: dict[str, Any]) -> str:
    return ": ".join(filter(None, (_full_name(exception), words_of(exception))))


def _is_member(exception: dict[str, Any]) -> bool:
    return _OF_GROUP.match(text_of(object_of(exception.get("mechanism")).get("source"), MAX_NAME)) is not None


def _causes(exceptions: Exceptions) -> Iterable[Item]:
    causes = [one for one in reversed(exceptions[:-1]) if not _is_member(one)]
    return [Item(key="caused_by", value=_said(one)) for one in causes[:MAX_CAUSES]]


def _members(exceptions: Exceptions) -> Iterable[Item]:
    """Those of a group, and of groups within it; not these groups themselves."""
    found = [one for one in reversed(exceptions[:-1]) if _is_member(one)]
    members = [one for one in found if object_of(one.get("mechanism")).get("is_exception_group") is not True]
    told = [Item(key="among", value=f"{_said(one)}{_at(one)}") for one in members[:MAX_MEMBERS]]
    left = len(members) - len(told)
    return [*told, Item(key="among", value=f"... and {left} more")] if left else told


def _at(exception: dict[str, Any]) -> str:
    frames = _frames(exception)
    return f" at {frames[-1]}" if frames else ""


def _frames(exception: dict[str, Any]) -> list[str]:
    """From where it began to where it ended: file, line and function of each."""
    stack = object_of(exception.get("stacktrace")).get("frames")
    frames = stack[-MAX_FRAMES:] if isinstance(stack, list) else []
    return [found for one in frames if isinstance(one, dict) and (found := _frame(one))]


def _frame(frame: dict[str, Any]) -> str:
    where = text_of(frame.get("filename") or frame.get("abs_path"), 4096) or text_of(frame.get("module"), MAX_NAME)
    # The folder says where something is installed, which is nobody's business; so does what follows a page's address.
    file = _FOLDERS.sub("", where.partition("?")[0])[:MAX_NAME]
    line, function = text_of(frame.get("lineno"), 10), text_of(frame.get("function"), MAX_NAME)
    return " ".join(filter(None, (":".join(filter(None, (file, line))), function)))


def _middle_left_out(frames: list[str]) -> list[str]:
    left_out = len(frames) - FIRST_FRAMES - LAST_FRAMES
    if left_out <= 0:
        return frames
    return [*frames[:FIRST_FRAMES], f"... {left_out} more ...", *frames[-LAST_FRAMES:]]
