"""What is wrong in a scenario table, told so that it can be put right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from msgspec import Struct

from tocsin.connectors.mediation.json_lines import Path
from tocsin.schemas.errors import TocsinError


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
