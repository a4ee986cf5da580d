"""Silences: for a time, somebody wants to hear nothing of what fits; in the rules file, or made while running."""

from __future__ import annotations

from tocsin.streams.rules.config import Silence
from tocsin.streams.rules.facts import Facts
from tocsin.streams.rules.report import Report
from tocsin.streams.rules.turn import Turn
from tocsin.streams.rules.values import MINUTE
from tocsin.streams.rules.verdict import Reason, Verdict

ASK_AGAIN = 5 * MINUTE
"""A silence may be ended before its time: what waits for its end asks again after at most this long, microseconds."""


def judge(turn: Turn, report: Report) -> Verdict | None:
    """Suppress a report that a silence fits."""
    silence = silenced_by(turn, report.facts)
    return None if silence is None else Verdict(reason=Reason.SILENCED, detail=silence.name)


def silenced_by(turn: Turn, facts: Facts) -> Silence | None:
    """The first silence that holds now (from `since`, before `until`) and fits; those of the rules file come first."""
    for silences in (turn.config.book.silences, turn.config.silences):
        for silence in silences:
            if (
                silence.since <= turn.now < silence.until
                and silence.tenant in (None, facts.tenant)
                and silence.match.fits(facts)
            ):
                return silence
    return None


def not_before(turn: Turn, facts: Facts) -> int:
    """When something that a timer is to tell of this problem may be told (microseconds): now, or while a silence holds
    its end, or the next time to ask (ASK_AGAIN)."""
    silence = silenced_by(turn, facts)
    return turn.now if silence is None else min(silence.until, turn.now + ASK_AGAIN)
