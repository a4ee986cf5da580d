"""Which names others may count on, and since which release: docs/stability.md says what is promised of them."""

from tocsin.connectors.stability.marks import KINDS, Kind, Level, Mark, MarksWrong, mark_of, marks, read_marks

__all__ = ["KINDS", "Kind", "Level", "Mark", "MarksWrong", "mark_of", "marks", "read_marks"]
