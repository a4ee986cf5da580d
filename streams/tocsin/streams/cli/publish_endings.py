"""How the documents of `tocsin publish` ended: shown, and counted."""

from __future__ import annotations

from collections.abc import Mapping

from tocsin.streams.cli.output import show, show_error, show_json
from tocsin.streams.processes.exit_codes import BAD_INPUT, UNREACHABLE


class Count:
    """How the documents ended; the worst exit code of all."""

    def __init__(self) -> None:
        self.published = self.unconfirmed = 0
        self.refused: list[int] = []

    def exit_code(self) -> int:
        """Bad input counts only if Kafka took all the rest: an unreachable Kafka comes first."""
        return UNREACHABLE if self.unconfirmed else BAD_INPUT if self.refused else 0


class Output:
    """Shows how each document ended."""

    def __init__(self, name: str, as_json: bool, *, many: bool) -> None:
        self._name, self._as_json, self._many = name, as_json, many

    def published(self, line: int, event_id: str, place: Mapping[str, int]) -> None:
        """It is stored, at this place in Kafka if that is known."""
        if self._as_json:
            show_json({"line": line, "event_id": event_id, **place})
        else:
            show(f"{line} {event_id}" if self._many else event_id)

    def failed(self, line: int, error: Exception | str, event_id: str | None = None) -> None:
        """It is not stored, or nobody knows; and why."""
        if self._as_json:
            known = {} if event_id is None else {"event_id": event_id}
            show_json({"line": line, "error": str(error), **known})
        show_error(f"{self._name}:{line}: {error}")
