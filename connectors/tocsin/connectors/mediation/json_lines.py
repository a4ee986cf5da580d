"""The line of every value in a JSON text, for findings."""

from __future__ import annotations

import json
import re

from msgspec import Struct

Path = tuple[str | int, ...]
"""Where a value stands: keys and positions from the top."""

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}:,\n]|[^\s"\[\]{}:,]+')


class _Open(Struct):
    """A list or object that is not closed yet; `step` is the position or key that comes next, None before a key."""

    path: Path
    step: int | str | None


def lines_of(text: str) -> dict[Path, int]:
    """Path -> line (from 1) of each value in a valid JSON text; a member stands where its name stands."""
    lines: dict[Path, int] = {}
    opened: list[_Open] = []
    line = 1
    for match in _TOKEN.finditer(text):
        token = match.group()
        top = opened[-1] if opened else None
        if token == "\n":
            line += 1
        elif token in ("]", "}"):
            opened.pop()
        elif token == ",":
            assert top is not None
            top.step = top.step + 1 if isinstance(top.step, int) else None
        elif top is not None and top.step is None:
            top.step = str(json.loads(token))
            lines[(*top.path, top.step)] = line
        elif token != ":":
            path: Path = () if top is None or top.step is None else (*top.path, top.step)
            lines.setdefault(path, line)
            if token in ("[", "{"):
                opened.append(_Open(path, 0 if token == "[" else None))
    return lines
