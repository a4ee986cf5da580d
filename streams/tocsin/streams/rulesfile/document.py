"""YAML 1.2 text to plain data and the line of every value: no aliases, tags or double keys; bounded.

Built from the parser's events, so a bomb is refused while it is read and nothing is ever constructed from a tag.
"""

from __future__ import annotations

import re
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from tocsin.streams.rulesfile.finding import Path

MAX_BYTES = 256 * 1024
"""Size of a rules file."""

MAX_DEPTH = 20
"""How deep lists and mappings may be nested."""

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?[0-9]{1,18}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]{1,18}|[0-9]{1,18}(\.[0-9]{0,18})?)([eE][-+]?[0-9]{1,3})?")


class Unusable(Exception):
    """The text is not a YAML document that we take; `line` from 1."""

    def __init__(self, line: int, message: str, remedy: str = "") -> None:
        super().__init__(line, message, remedy)
        self.line = line
        self.message = message
        self.remedy = remedy


def read_document(text: str) -> tuple[Any, dict[Path, int]]:
    """The data of one YAML document and the line (from 1) of each value; raises Unusable."""
    builder = _Builder()
    try:
        for event in YAML(typ="safe", pure=True).parse(text):
            builder.take(event)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise Unusable(line, f"this is not YAML: {error.problem or error.context}") from None
    except YAMLError as error:
        reason = str(error).partition("\n")[0]
        raise Unusable(1, f"this is not YAML: {reason}") from None
    return builder.data, builder.lines


class _Builder:
    """Puts events together; `open` holds the lists and mappings that are not closed yet, the innermost last."""

    def __init__(self) -> None:
        self.data: Any = None
        self.lines: dict[Path, int] = {}
        self._documents = 0
        self._open: list[tuple[Path, dict[str, Any] | list[Any]]] = []
        self._key: list[str | None] = []

    def take(self, event: Event) -> None:
        line = event.start_mark.line + 1
        if isinstance(event, AliasEvent) or getattr(event, "anchor", None):
            raise Unusable(line, "anchors and aliases (& and *) are not taken", "write the value out")
        if isinstance(event, DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise Unusable(line, "a rules file is one document", "remove the --- and what follows it")
        elif isinstance(event, ScalarEvent | MappingStartEvent | SequenceStartEvent):
            if event.tag not in (None, "!") and not _is_implicit(event):
                raise Unusable(line, "tags (!) are not taken", "remove the tag")
            self._value(event, line)
        elif isinstance(event, MappingEndEvent | SequenceEndEvent):
            self._open.pop()
            self._key.pop()

    def _value(self, event: ScalarEvent | MappingStartEvent | SequenceStartEvent, line: int) -> None:
        if self._open and isinstance(self._open[-1][1], dict) and self._key[-1] is None:
            self._take_key(event, line)
            return
        if isinstance(event, ScalarEvent):
            self._place(_scalar(event), line)
            return
        if len(self._open) >= MAX_DEPTH:
            raise Unusable(line, f"nested deeper than {MAX_DEPTH}")
        value: dict[str, Any] | list[Any] = {} if isinstance(event, MappingStartEvent) else []
        path = self._place(value, line)
        self._open.append((path, value))
        self._key.append(None)

    def _take_key(self, event: Event, line: int) -> None:
        path, mapping = self._open[-1]
        if not isinstance(event, ScalarEvent):
            raise Unusable(line, "a key is a list or a mapping", "write a plain word before the colon")
        if event.value in mapping:
            raise Unusable(line, f"the key {event.value!r} is here twice", "keep one of them")
        self._key[-1] = event.value
        self.lines[(*path, event.value)] = line

    def _place(self, value: Any, line: int) -> Path:
        if not self._open:
            self.data = value
            self.lines[()] = line
            return ()
        path, parent = self._open[-1]
        if isinstance(parent, list):
            parent.append(value)
            place: Path = (*path, len(parent) - 1)
            self.lines[place] = line
            return place
        key = self._key[-1]
        assert key is not None
        parent[key] = value
        self._key[-1] = None
        return (*path, key)


def _is_implicit(event: Event) -> bool:
    implicit = getattr(event, "implicit", False)
    return any(implicit) if isinstance(implicit, tuple) else bool(implicit)


def _scalar(event: ScalarEvent) -> str | int | float | bool | None:
    """The value by the core schema of YAML 1.2: `no` and `on` are words, `0o17` too."""
    text: str = event.value
    if not (isinstance(event.implicit, tuple) and event.implicit[0]):
        return text
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if _INT.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text
