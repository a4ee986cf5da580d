"""What a counterpart within our own process has in common with others of its kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tocsin.connectors.sinks import Reason


class AlwaysThere:
    """Neither away nor slow, and without secrets."""

    secrets: Sequence[str] = ()
    failures: Mapping[str, Reason] = {}
    never: Mapping[str, str] = {"away": "it is in our own process", "hangs": "it takes what it is given at once"}

    async def __aexit__(self, *error: object) -> None:
        return None

    async def turn(self, failure: str | None) -> None:
        assert failure is None, failure
