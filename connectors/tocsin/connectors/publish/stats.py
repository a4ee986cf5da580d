"""What a publisher has done, and what it has in hand."""

from __future__ import annotations

import time

from msgspec import Struct

from tocsin.connectors.publish.errors import NoRoom, PublishFailed, PublishRefused
from tocsin.connectors.publish.spool import Spool


class Counts(Struct):
    """Events since the publisher began. `sent`: the bus has them. `spooled`: written to the spool, and then `drained`.
    `refused`: never to be taken. `no_room`: neither sent nor kept. `unconfirmed`: their publications failed otherwise,
    so that their publisher had to try again. `failed`: attempts in vain to reach the bus. `last_error`: what it said
    last, without secrets."""

    sent: int = 0
    spooled: int = 0
    drained: int = 0
    refused: int = 0
    no_room: int = 0
    unconfirmed: int = 0
    failed: int = 0
    last_error: str = ""

    def note_failure(self, failed: PublishFailed) -> None:
        """A publication ended without its event being safe."""
        self.last_error = str(failed)
        if isinstance(failed, PublishRefused):
            self.refused += 1
        elif isinstance(failed, NoRoom):
            self.no_room += 1
        else:
            self.unconfirmed += 1

    def note_error(self, error: BaseException) -> None:
        """An attempt came to nothing."""
        self.failed += 1
        self.last_error = str(error) or type(error).__name__


class PublisherStats(Struct, frozen=True, kw_only=True):
    """A publisher, now: its counts, `in_hand` (bytes in memory that are under way), whether the bus is `away`, the
    bytes of the spool that are `waiting` and that were `damaged`, and the age of its `oldest` in seconds, about."""

    counts: Counts
    in_hand: int
    away: bool
    waiting: int = 0
    damaged: int = 0
    oldest: float = 0.0

    @classmethod
    def of(cls, counts: Counts, in_hand: int, away: bool, spool: Spool | None) -> PublisherStats:
        """With what the spool says of itself."""
        copied = Counts(*[getattr(counts, name) for name in Counts.__struct_fields__])
        if spool is None:
            return cls(counts=copied, in_hand=in_hand, away=away)
        state = spool.state
        oldest = 0.0 if state.since is None else max(0.0, time.time() - state.since)
        return cls(
            counts=copied, in_hand=in_hand, away=away, waiting=state.waiting, damaged=state.damaged, oldest=oldest
        )
