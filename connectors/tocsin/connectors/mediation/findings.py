"""What is wrong in a scenario table, at its line, and what to do about it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Literal

from msgspec import Struct

from tocsin.schemas.errors import TocsinError

Path = tuple[str | int, ...]
"""Where a value stands: keys and positions from the top."""
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}:,\n]|[^\s"\[\]{}:,]+')


class TableFinding(Struct, frozen=True, kw_only=True):
    """One thing in a table's file: an error keeps it from being used, a warning does not. Lines count from 1."""

    file: str
    line: int
    message: str
    remedy: str = ""
    level: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        """`file:line: message (what to do)`."""
        warning = "warning: " if self.level == "warning" else ""
        return f"{self.file}:{self.line}: {warning}{self.message}" + (f" ({self.remedy})" if self.remedy else "")


class TableError(TocsinError):
    """A scenario table that cannot be used; `findings` are all its errors and warnings, in the order of the file."""

    def __init__(self, findings: Sequence[TableFinding]) -> None:
        super().__init__(tuple(findings))
        self.findings = tuple(findings)

    def __str__(self) -> str:
        return "\n".join(map(str, self.findings))


class TableFindings:
    """Collects the findings about one file, each at the line of the longest known beginning of a path."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.lines: Mapping[Path, int] = {}
        self.found: list[TableFinding] = []

    def note(self, path: Path, message: str, remedy: str = "", level: Literal["error", "warning"] = "error") -> None:
        """Note an error or a warning."""
        while path and path not in self.lines:
            path = path[:-1]
        line = self.lines.get(path, 1)
        self.found.append(TableFinding(file=self.file, line=line, message=message, remedy=remedy, level=level))

    @property
    def failed(self) -> bool:
        """Whether there is an error."""
        return any(finding.level == "error" for finding in self.found)

    def in_order(self) -> list[TableFinding]:
        """All findings by line."""
        return sorted(self.found, key=lambda finding: finding.line)


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
