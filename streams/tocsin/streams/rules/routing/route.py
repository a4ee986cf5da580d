"""Who is told of a problem: silences, inhibitions, the routing tree, mute times, groups, audiences, in this order."""

from __future__ import annotations

from tocsin.schemas.events import ThreadContext
from tocsin.schemas.problem import Problem
from tocsin.streams.engine.record import Rows
from tocsin.streams.rules.config import DecideConfig
from tocsin.streams.rules.heard import Heard
from tocsin.streams.rules.loops.digest import open_window
from tocsin.streams.rules.routing.audience import for_audiences, note_end_of_thread, operators_of
from tocsin.streams.rules.routing.grouping import GROUPED, Shares, all_now, hold, share_out, singly
from tocsin.streams.rules.routing.inhibit import inhibited_by, note_source
from tocsin.streams.rules.routing.matching import (
    Asked,
    covers,
    fold_code,
    has_token_prefix,
    matches,
    protocol_fits,
    protocol_of,
)
from tocsin.streams.rules.routing.outcome import Reminder, Routing, Withheld
from tocsin.streams.rules.routing.quiet import is_quiet
from tocsin.streams.rules.routing.reminding import note_reminder
from tocsin.streams.rules.routing.silence import silence_of
from tocsin.streams.rules.routing.tree import Matched, matching
from tocsin.streams.rules.rulebook import RuleBook

__all__ = [
    "Routing",
    "Withheld",
    "covers",
    "fold_code",
    "has_token_prefix",
    "matches",
    "note_routed",
    "protocol_fits",
    "protocol_of",
    "route",
    "route_heard",
]

SILENCED = "silenced"
INHIBITED = "inhibited"
QUIET = "quiet_by_default"
PEER_NOT_TOLD = "peer_not_told"
"""Reasons of suppression, besides those of `grouping`."""


def route(book: RuleBook, problem: Problem, tenant: str, thread: ThreadContext | None = None) -> Routing:
    """The endpoints that the tree alone names, each once, in the order of the file; the default endpoint when no route
    matches. Nobody's silence, mute time or audience is looked at."""
    asked = Asked(problem, tenant) if thread is None else Asked(problem, tenant, thread)
    found = list(matching(book.routes, asked))
    if not found:
        return Routing((book.default_endpoint,), (), unrouted=True)
    return Routing(_endpoints(found), _paths(found), policies=_policies(found))


def route_heard(heard: Heard, rows: Rows, config: DecideConfig, *, at_once: bool = False) -> Routing:
    """Who is told of a problem, when silences, inhibitions, mute times, groups and audiences have had their say. Total;
    the same heard, rows and config always give the same. `at_once`: it waits for no mute time and no group, as a last
    word, after which there is nothing more to tell."""
    note_end_of_thread(heard, rows, config)
    book, asked = config.book, Asked(heard.problem, heard.tenant, heard.context)
    found = list(matching(book.routes, asked)) if book.routes else []
    withheld = _kept_quiet(heard, asked, found, rows, config)
    if withheld is not None:
        return _nobody(found, withheld)
    if not found:
        return _unrouted(heard, rows, config)
    shares = all_now(found) if at_once else share_out(heard, found, rows, config)
    told = for_audiences(heard, _named(heard, shares, book), rows, config)
    held = hold(heard, shares, told.endpoints, rows, config) if shares.waiting else None
    if told.endpoints:
        return _told(found, shares, told.endpoints, told.last_word)
    if held is None:
        return _nobody(found, Withheld(PEER_NOT_TOLD, told.left_out))
    if held.survivor is not None:
        note_source(heard, asked, book.inhibit, held.survivor, rows)
    return _nobody(found, held)


def note_routed(heard: Heard, routing: Routing, survivor: str, rows: Rows, config: DecideConfig) -> None:
    """The event `survivor` was told as `routing` says: windows of groups open, reminders are set, and it keeps what it
    inhibits quiet from now on."""
    for window in routing.windows:
        open_window(
            heard,
            rows,
            group=window.group,
            why=GROUPED,
            survivor=survivor,
            endpoints=window.endpoints,
            until=window.until,
            route=window.route,
            interval=window.interval,
        )
    if routing.reminder is not None:
        note_reminder(heard, routing.reminder, rows)
    if config.book.inhibit:
        asked = Asked(heard.problem, heard.tenant, heard.context)
        note_source(heard, asked, config.book.inhibit, survivor, rows)


def _kept_quiet(heard: Heard, asked: Asked, found: list[Matched], rows: Rows, config: DecideConfig) -> Withheld | None:
    for silences in (config.book.silences, config.silences):
        silence = silence_of(asked, silences, heard.now) if silences else None
        if silence is not None:
            return Withheld(SILENCED, silence.name)
    inhibited = inhibited_by(heard, asked, config.book.inhibit, rows) if config.book.inhibit else None
    if inhibited is not None:
        return Withheld(INHIBITED, *inhibited)
    return Withheld(QUIET, heard.problem.code) if is_quiet(heard.problem, found) else None


def _named(heard: Heard, shares: Shares, book: RuleBook) -> tuple[str, ...]:
    """The endpoints of the routes that tell now, and operators who would not hear of a shortage otherwise."""
    named = _endpoints(shares.now)
    operators = operators_of(heard, book)
    if not shares.waiting and not operators:
        return named
    waiting = {name for one in shares.waiting for name in one.matched.route.endpoints}
    besides = tuple(name for name in operators if name not in waiting)
    return tuple(dict.fromkeys(named + singly(shares, book) + besides))


def _unrouted(heard: Heard, rows: Rows, config: DecideConfig) -> Routing:
    default = config.book.default_endpoint
    operators = operators_of(heard, config.book)
    named = tuple(dict.fromkeys((default, *operators))) if operators else (default,)
    told = for_audiences(heard, named, rows, config)
    if told.endpoints == named:
        return Routing(named, (), unrouted=True)
    # The rules file refuses a default route to a peer; here somebody is told whatever the book says.
    return Routing(tuple(dict.fromkeys((default, *told.endpoints))), (), unrouted=True)


def _told(found: list[Matched], shares: Shares, endpoints: tuple[str, ...], last_word: tuple[str, ...]) -> Routing:
    return Routing(
        endpoints,
        _paths(found),
        policies=_policies(shares.now),
        last_word=last_word,
        windows=shares.windows,
        reminder=_reminder(shares.now),
    )


def _nobody(found: list[Matched], withheld: Withheld) -> Routing:
    return Routing((), _paths(found), withheld=withheld)


def _reminder(found: tuple[Matched, ...]) -> Reminder | None:
    for one in found:
        if one.route.repeat is not None:
            return Reminder(route=one.path, endpoints=one.route.endpoints, every=one.route.repeat)
    return None


def _endpoints(found: tuple[Matched, ...] | list[Matched]) -> tuple[str, ...]:
    if len(found) == 1:
        return tuple(dict.fromkeys(found[0].route.endpoints))
    return tuple(dict.fromkeys([name for one in found for name in one.route.endpoints]))


def _paths(found: list[Matched]) -> tuple[str, ...]:
    return tuple([one.path for one in found])


def _policies(found: tuple[Matched, ...] | list[Matched]) -> tuple[str, ...]:
    return tuple(dict.fromkeys([one.route.escalate for one in found if one.route.escalate is not None]))
