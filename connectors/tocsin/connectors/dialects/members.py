"""Taking known members out of a foreign object: what has the wrong type is flagged and left, never a failure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache

from tocsin.connectors.dialects.json_text import json_text
from tocsin.connectors.dialects.reading import Unreadable, UnreadableReason
from tocsin.schemas.problem import Violation

MAX_ID_LENGTH = 255
"""Thread and message ids become keys of rows: longer ones are refused (RELIABILITY 3.5)."""


def escape(name: str) -> str:
    """A member's name as one step of an RFC 6901 pointer."""
    return name.replace("~", "~0").replace("/", "~1")


class Members:
    """The members of one JSON object at `at`. Each `take_*` removes a member; what is `left` at the end is unknown,
    or has another type than asked for (flagged): both become extensions, so that nothing is lost.

    Names are found by folding case, `-` and `_` (REQUIREMENTS b.1 1), for asked names only; another spelling is
    flagged. A null member counts as absent.
    """

    def __init__(self, document: Mapping[str, object], violations: list[Violation], at: str = "") -> None:
        self.left = dict(document)
        self.at = at
        self.violations = violations
        self._spellings: dict[str, str] | None = None

    def flag(self, rule: str, name: str | None = None) -> None:
        """Note that the document breaks `rule` at the member `name` (or as a whole)."""
        pointer = self.at if name is None else f"{self.at}/{escape(name)}"
        self.violations.append(Violation(rule=rule, pointer=pointer))

    def take(self, name: str) -> object:
        """The raw value of a member, None if absent."""
        return self._take(name)[1]

    def refuse(self, rule: str, name: str, value: object) -> None:
        """Flag the member `name`, as it is spelt, and put its `value` back."""
        self.left[name] = value
        self.flag(rule, name)

    def _take(self, name: str) -> tuple[str, object]:
        """The spelling and the raw value."""
        spelling = name if name in self.left else self._other_spelling(name)
        if spelling is None:
            return name, None
        value = self.left.pop(spelling, None)
        if spelling != name:
            self.flag("member-spelling", spelling)
        return spelling, value

    def _other_spelling(self, name: str) -> str | None:
        if not self.left:
            return None
        if self._spellings is None:
            self._spellings = {_fold(each): each for each in reversed(self.left)}
        return self._spellings.get(_fold_known(name))

    def take_text(self, name: str) -> str | None:
        """A string member; a value of any other type is flagged and left."""
        spelling, value = self._take(name)
        if value is None or isinstance(value, str):
            return value
        self.refuse("not-a-string", spelling, value)
        return None

    def take_id(self, name: str) -> str | None:
        """A string member that names a message or thread; empty counts as absent. Raises Unreadable(too_long)."""
        value = self.take_text(name)
        if value is not None and len(value) > MAX_ID_LENGTH:
            raise Unreadable(UnreadableReason.TOO_LONG, f"{self.at}/{name}", f"at most {MAX_ID_LENGTH} characters")
        return value or None

    def take_texts(self, name: str) -> list[str]:
        """A member that is a list of strings; a single string counts as a list of one, and is flagged.

        A list with other elements is flagged, and left whole.
        """
        spelling, value = self._take(name)
        if value is None:
            return []
        if isinstance(value, str):
            self.flag("not-a-list", spelling)
            return [value]
        if not isinstance(value, list):
            self.refuse("not-a-list", spelling, value)
            return []
        texts = [item for item in value if isinstance(item, str)]
        if len(texts) < len(value):
            self.refuse("not-a-string", spelling, value)
        return texts


def as_extensions(*groups: tuple[str, Mapping[str, object]]) -> dict[str, str]:
    """The unknown members as `Problem.extensions`: (prefix of the names, members) each; values become JSON text."""
    return {f"{prefix}{name}": json_text(value) for prefix, members in groups for name, value in members.items()}


def distinct(ids: Iterable[str | None]) -> list[str]:
    """The ids that are there, each once, in order."""
    return list(dict.fromkeys(each for each in ids if each))


@cache
def _fold_known(name: str) -> str:
    """The same for names that a dialect asks for: they are few."""
    return _fold(name)


def _fold(name: str) -> str:
    return name.replace("-", "").replace("_", "").casefold()
