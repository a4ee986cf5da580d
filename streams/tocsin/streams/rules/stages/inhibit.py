"""Inhibition: while a worse case is open, lesser problems that have something in common with it are not told.

A source counts from when it was told, or held back for a digest, until its case is resolved, and at most `lasting`
after its last report. As in Alertmanager, what fits both sides of a rule is not inhibited by what also fits both;
there, sources that are silenced count too, here they do not: nobody would be told of either.
"""

from __future__ import annotations

from tocsin.streams.rules.config import Inhibition
from tocsin.streams.rules.facts import Facts, digest_of_values, values_of
from tocsin.streams.rules.report import Report
from tocsin.streams.rules.state import InhibitRow, InhibitSource
from tocsin.streams.rules.state.routing import MAX_SOURCES
from tocsin.streams.rules.turn import Turn
from tocsin.streams.rules.verdict import Outcome, Reason, Verdict

_HELD_BACK = (Reason.MUTED, Reason.GROUPED)


def judge(turn: Turn, report: Report) -> Verdict | None:
    """Suppress a report that a rule's source keeps quiet."""
    found = inhibited_by(turn, report.case, report.facts)
    return None if found is None else Verdict(reason=Reason.INHIBITED, detail=found[0], represented_by=found[1])


def after(turn: Turn, report: Report, outcome: Outcome) -> None:
    """It was told, or is held back for a digest: for every rule whose source it fits it keeps others quiet."""
    if outcome.suppressed is not None and (
        outcome.suppressed.reason not in _HELD_BACK or outcome.suppressed.represented_by is None
    ):
        return
    for rule in turn.config.book.inhibit:
        if not rule.source.fits(report.facts):
            continue
        key = _key(turn, rule, report.facts)
        row, until = turn.inhibitions.get(key), turn.now + rule.lasting
        earlier = row.sources if row is not None else ()
        others = tuple(one for one in earlier if one.case != report.case and turn.now < one.until)
        source = InhibitSource(report.case, outcome.represented_by, until, rule.target.fits(report.facts))
        turn.inhibitions.keep(key, InhibitRow((*others, source)[-MAX_SOURCES:], until), until)


def inhibited_by(turn: Turn, case: str, facts: Facts) -> tuple[str, str] | None:
    """The rule that keeps a problem of this case quiet and the event that was told in its place, or None."""
    for rule in turn.config.book.inhibit:
        if not rule.target.fits(facts):
            continue
        row = turn.inhibitions.get(_key(turn, rule, facts))
        if row is None:
            continue
        both = rule.source.fits(facts)
        for source in reversed(row.sources):
            if source.case != case and not (both and source.both) and _holds(turn, source):
                return rule.name, source.represented_by
    return None


def _holds(turn: Turn, source: InhibitSource) -> bool:
    case = turn.cases.find(source.case)
    return turn.now < source.until and not (case is not None and case.status == "resolved")


def _key(turn: Turn, rule: Inhibition, facts: Facts) -> str:
    return turn.inhibitions.key(rule.name, digest_of_values(values_of(facts, rule.equal)))
