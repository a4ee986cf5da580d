"""Inhibition: while a worse case is open, lesser problems that have something in common with it are not told.

A source counts from when it was told, or held back for a digest, until its case is resolved, and at most `lasting`
after its last report. As in Alertmanager, what fits both sides of a rule is not kept quiet by what also fits both;
there, sources that are silenced count too, here they do not: nobody would be told of either.
"""

from __future__ import annotations

from tocsin.streams.engine.record import Rows
from tocsin.streams.rules.heard import Heard
from tocsin.streams.rules.routing.matching import Asked, fits
from tocsin.streams.rules.routing.subject import digest_of_values, values_of
from tocsin.streams.rules.rulebook import Inhibition
from tocsin.streams.rules.state import CaseRow, InhibitRow, row_key
from tocsin.streams.rules.state.routing import MAX_SOURCES, InhibitSource


def inhibited_by(heard: Heard, asked: Asked, inhibit: tuple[Inhibition, ...], rows: Rows) -> tuple[str, str] | None:
    """The rule that keeps this problem quiet and the event that was told in its place, or None."""
    for rule in inhibit:
        if not fits(rule.target, asked):
            continue
        row = rows.get(_key(rule, heard))
        if not isinstance(row, InhibitRow):
            continue
        both = fits(rule.source, asked)
        for source in reversed(row.sources):
            if source.case != heard.case and not (both and source.both) and _holds(source, heard, rows):
                return rule.name, source.survivor
    return None


def note_source(heard: Heard, asked: Asked, inhibit: tuple[Inhibition, ...], survivor: str, rows: Rows) -> None:
    """This problem was told, as event `survivor`: for every rule whose source it fits it keeps others quiet."""
    for rule in inhibit:
        if not fits(rule.source, asked):
            continue
        key = _key(rule, heard)
        row = rows.get(key)
        until = heard.now + rule.lasting
        earlier = row.sources if isinstance(row, InhibitRow) else ()
        others = tuple(one for one in earlier if one.case != heard.case and heard.now < one.until)
        source = InhibitSource(heard.case, survivor, until, fits(rule.target, asked))
        # The earliest end is asked for, not the last: a timer that moves with traffic would fill the heap.
        rows.put(key, InhibitRow((*others, source)[-MAX_SOURCES:], until), rows.due(key) or until)


def _holds(source: InhibitSource, heard: Heard, rows: Rows) -> bool:
    row = rows.get(row_key("case", heard.tenant, source.case))
    return heard.now < source.until and not (isinstance(row, CaseRow) and row.status == "resolved")


def _key(rule: Inhibition, heard: Heard) -> str:
    return row_key("inhibit", heard.tenant, rule.name, digest_of_values(values_of(heard, rule.equal)))
