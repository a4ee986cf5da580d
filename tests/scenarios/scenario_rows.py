"""Rows in a dict with their timers; every row passes through its bytes, as in the engine."""

from __future__ import annotations

from tocsin.streams.rules.rows import ROW_VERSION, Row, decode_row, encode_row


class ScenarioRows:
    """What the engine gives to a rule."""

    def __init__(self) -> None:
        self.rows: dict[str, bytes] = {}
        self.dues: dict[str, int] = {}

    def get(self, key: str) -> Row | None:
        """The row, None when there is none."""
        data = self.rows.get(key)
        return None if data is None else decode_row(data, ROW_VERSION)

    def put(self, key: str, row: Row, due: int | None = None) -> None:
        """Write a row; `due` (microseconds) sets its timer, None takes it away."""
        self.rows[key] = encode_row(row)
        self.dues.pop(key, None)
        if due is not None:
            self.dues[key] = due

    def delete(self, key: str) -> None:
        """Forget a row and its timer."""
        self.rows.pop(key, None)
        self.dues.pop(key, None)

    def due(self, key: str) -> int | None:
        """When the row's timer is due."""
        return self.dues.get(key)

    def earliest(self) -> tuple[int, str] | None:
        """The timer that is due first, and its row's key."""
        return min(((due, key) for key, due in self.dues.items()), default=None)
