"""Is this problem new, or does it go round in circles? The rules of DESIGN 6 (dedupe) in their order."""

from __future__ import annotations

from tocsin.streams.engine.record import Rows
from tocsin.streams.rules.config import DecideConfig
from tocsin.streams.rules.heard import Heard
from tocsin.streams.rules.loops.connection_errors import (
    CONNECTION_ERRORS,
    count_on_connection,
    heard_other_message,
    mute_on_connection,
)
from tocsin.streams.rules.loops.hops import too_many_hops
from tocsin.streams.rules.loops.identical import first_or_held, open_for_identical
from tocsin.streams.rules.loops.ping_pong import PING_PONG, count_to_and_fro, mute_between
from tocsin.streams.rules.loops.replay import note_ciphertext, replayed
from tocsin.streams.rules.loops.thread_budget import count_on_thread, mute_thread
from tocsin.streams.rules.loops.verdict import Pass, Replaced, Silenced, Verdict

__all__ = ["Pass", "Replaced", "Silenced", "Verdict", "guard", "heard_other_message", "note_decided", "note_told"]


def guard(heard: Heard, rows: Rows, config: DecideConfig) -> Verdict:
    """Count this problem and say whether it may be told; its thread was counted by `enrich` before."""
    limits = config.book.limits_of(heard.tenant)
    return (
        too_many_hops(heard, rows, limits)
        or replayed(heard, rows, limits)
        or count_on_thread(heard, rows, config)
        or count_on_connection(heard, rows, config)
        or count_to_and_fro(heard, rows, config)
        or first_or_held(heard, rows, config)
    )


def note_told(
    heard: Heard, verdict: Pass | Replaced, survivor: str, endpoints: tuple[str, ...], rows: Rows, config: DecideConfig
) -> None:
    """The event `survivor` was told for this report, as it was reported: it is what stands for those that will be
    suppressed; a last word silences its thread, and what else its limit counts."""
    if isinstance(verdict, Pass):
        if verdict.group:
            open_for_identical(heard, verdict.group, survivor, endpoints, rows, config)
        return
    mute_thread(heard, survivor, rows, config)
    if verdict.reason == CONNECTION_ERRORS:
        mute_on_connection(heard, survivor, rows, config)
    elif verdict.reason == PING_PONG:
        mute_between(heard, survivor, rows, config)


def note_decided(heard: Heard, survivor: str, rows: Rows, config: DecideConfig) -> None:
    """The report was decided, told or not, and `survivor` stands for it."""
    note_ciphertext(heard, survivor, rows, config.book.limits_of(heard.tenant))
