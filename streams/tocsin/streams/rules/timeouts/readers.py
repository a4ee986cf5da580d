"""Who is told of a time-out: as of any problem, but never a peer, and nothing waits for a digest."""

from __future__ import annotations

from msgspec import Struct

from tocsin.streams.engine.record import Rows
from tocsin.streams.rules.config import DecideConfig
from tocsin.streams.rules.heard import Heard
from tocsin.streams.rules.routing.inhibit import inhibited_by
from tocsin.streams.rules.routing.matching import Asked
from tocsin.streams.rules.routing.mute import muted_until
from tocsin.streams.rules.routing.silence import silence_of
from tocsin.streams.rules.routing.tree import matching


class Readers(Struct, frozen=True):
    """The endpoints that are told, and the escalation policies that their routes name."""

    endpoints: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()


def readers_of(heard: Heard, rows: Rows, config: DecideConfig) -> Readers:
    """Nobody when it is silenced or inhibited; else those of the routes that fit and are not muted, or the default
    endpoint when none fits. A peer is told nothing of our waiting: it did not report anything (REQUIREMENTS b.3 1)."""
    book, asked = config.book, Asked(heard.problem, heard.tenant, heard.context)
    if silence_of(asked, (*book.silences, *config.silences), heard.now) is not None:
        return Readers()
    if inhibited_by(heard, asked, book.inhibit, rows) is not None:
        return Readers()
    found = [one.route for one in matching(book.routes, asked)]
    if not found:
        return Readers((book.default_endpoint,))
    telling = [one for one in found if muted_until(one.mute, book.mute_times, heard.now) is None]
    named = dict.fromkeys(name for one in telling for name in one.endpoints)
    policies = dict.fromkeys(one.escalate for one in telling if one.escalate is not None)
    endpoints = (name for name in named if name not in book.endpoints or book.endpoints[name].audience != "peer")
    return Readers(tuple(endpoints), tuple(policies))
