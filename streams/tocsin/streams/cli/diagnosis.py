"""What a check of `tocsin doctor` says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """ok, worth a look, or wrong."""

    OK = "ok"
    WARN = "warn"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at; `step` is what to do about it."""

    name: str
    level: Level
    detail: str
    step: str = ""

    def line(self) -> str:
        """For a person."""
        return f"{self.level.value:5} {self.name:14} {self.detail}" + (f"; {self.step}" if self.step else "")

    def as_dict(self) -> dict[str, str]:
        """For a script."""
        return {"name": self.name, "level": self.level.value.lower(), "detail": self.detail, "next": self.step}
