"""The other side of a sink, as the checks need it."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Protocol

from tocsin.connectors.sinks import Reason, Sink
from tocsin.schemas.events import DeliveryAttempt


class NotConforming(AssertionError):
    """The sink does not hold what every sink must hold; the message says what it did."""


class Counterpart(Protocol):
    """The other side of one kind of sink: a server, a file. It serves from `__aenter__` to `__aexit__`."""

    @property
    def kind(self) -> str:
        """The kind of the sink, as the rules file has it."""
        ...

    @property
    def settings(self) -> Mapping[str, Any]:
        """Settings that work and point at it, and let an attempt last less than a second; known once it is entered."""
        ...

    @property
    def secrets(self) -> Sequence[str]:
        """Parts of these settings that must be seen nowhere."""
        ...

    @property
    def failures(self) -> Mapping[str, Reason]:
        """What can go wrong with it, in a word, and the reason that the sink gives then. There must be `away` (it
        cannot be reached) and `hangs` (it takes everything and answers nothing)."""
        ...

    @property
    def never(self) -> Mapping[str, str]:
        """Of `away`, `hangs` and `delivery id` (it is told it) those that do not apply, and why they do not."""
        ...

    async def __aenter__(self) -> Any: ...

    async def __aexit__(self, *error: object) -> None: ...

    def sink(self) -> Sink:
        """A sink as it is used here, not yet opened: `make_sink(self.kind, self.settings)`, unless that needs more."""
        ...

    async def turn(self, failure: str | None) -> None:
        """From now on it fails so; with None it takes everything again."""
        ...

    def taken(self) -> Sequence[Hashable]:
        """What it took so far, each in a form that can be compared."""
        ...

    def form(self, attempt: DeliveryAttempt) -> Hashable:
        """What it takes of this attempt when it is delivered: the body, and the delivery id if it is told that."""
        ...
