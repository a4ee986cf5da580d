"""What is wrong in a rules file, told so that it can be put right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from tocsin.schemas.errors import TocsinError


class Finding(Struct, frozen=True, kw_only=True):
    """One thing in a rules file: an error keeps it from being used, a warning does not."""

    file: str
    line: int
    message: str
    expected: str = ""
    remedy: str = ""
    level: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        """`file:line: message (expected ...; what to do)`."""
        advice = "; ".join(part for part in (self.expected and f"expected {self.expected}", self.remedy) if part)
        warning = "warning: " if self.level == "warning" else ""
        return f"{self.file}:{self.line}: {warning}{self.message}" + (f" ({advice})" if advice else "")


class RulesFileError(TocsinError):
    """A rules file that cannot be used; `findings` are all its errors and warnings, in the order of the file."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__(tuple(findings))
        self.findings = tuple(findings)

    def __str__(self) -> str:
        return "\n".join(map(str, self.findings))


class Findings:
    """Collects the findings about one file, each at the line of a path such as ("routes", 0, "match")."""

    def __init__(self, file: str, lines: dict[Path, int] | None = None) -> None:
        self.file = file
        self.lines = lines or {}
        self.found: list[Finding] = []

    def error(self, path: Path, message: str, expected: str = "", remedy: str = "") -> None:
        """Note an error at the line of the longest known beginning of `path`."""
        self.found.append(
            Finding(file=self.file, line=self.line_of(path), message=message, expected=expected, remedy=remedy)
        )

    def warning(self, path: Path, message: str, remedy: str = "") -> None:
        """Note a warning."""
        line = self.line_of(path)
        self.found.append(Finding(file=self.file, line=line, message=message, remedy=remedy, level="warning"))

    def line_of(self, path: Path) -> int:
        """The line (from 1) where the value at `path` stands, or the nearest value around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    @property
    def failed(self) -> bool:
        """Whether there is an error."""
        return any(finding.level == "error" for finding in self.found)

    def in_order(self) -> list[Finding]:
        """All findings by line; those about another file that this one names come last."""
        return sorted(self.found, key=lambda finding: (finding.file != self.file, finding.file, finding.line))


Path = tuple[str | int, ...]
"""Where a value stands in the file: keys and positions from the top."""
