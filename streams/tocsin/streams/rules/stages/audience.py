"""Owner, peer, operator: who of the endpoints may be told.

An owner is told everything. A peer is never answered a problem report with a problem report, is told nothing when its
connection's trust is low or unknown, and not more than its budgets allow. Operators are also told of every shortage of
resources (`me.res`) on our own side; a peer's own shortage is the peer's to mend.
"""

from __future__ import annotations

from tocsin.connectors.catalogue.limits import is_limit_notice
from tocsin.schemas.problem import Problem
from tocsin.streams.rules.bodies import message_of
from tocsin.streams.rules.config import Endpoint, RuleBook
from tocsin.streams.rules.context.sides import side_of
from tocsin.streams.rules.documents import can_say, for_peer
from tocsin.streams.rules.facts import REPORT_DIALECTS, is_shortage
from tocsin.streams.rules.peers.addressing import addressees_of
from tocsin.streams.rules.peers.budget import silence, spend
from tocsin.streams.rules.promotion import promotable
from tocsin.streams.rules.report import Report
from tocsin.streams.rules.trust import is_trusted
from tocsin.streams.rules.turn import Turn
from tocsin.streams.rules.verdict import Limit, Reason


def judge(turn: Turn, report: Report) -> None:
    """Name the endpoints that are told, and count what peers are told: those of the routes, or the default endpoint
    when no route matches; and after them those that subscribed."""
    book, subscribed = turn.config.book, report.subscribed
    if report.matched:
        named = _named(turn, report)
        _choose(turn, report, tuple(dict.fromkeys((*named, *subscribed))) if subscribed else named)
        return
    default = book.default_endpoint
    others = (*operators_of(turn, report), *subscribed)
    _choose(turn, report, tuple(dict.fromkeys((default, *others))) if others else (default,))
    # The rules file refuses a default route to a peer; here somebody is told, and of the problem, whatever it says.
    report.over_limit = tuple(name for name in report.over_limit if name != default)
    if default not in report.endpoints:
        report.endpoints = (default, *report.endpoints)


def note_limit_of_peer(turn: Turn, report: Report) -> None:
    """A peer that says that its limit of errors is crossed has ended the thread: it is told nothing more of that thread
    (DIDComm v2, "Cascading Problems"). The others go on being told."""
    if report.problem.dialect in REPORT_DIALECTS and is_limit_notice(report.problem):
        silence(turn, report)


def audience_of(name: str, book: RuleBook) -> str:
    """The audience of an endpoint; one that is not there (any more) is nobody's peer."""
    endpoint = book.endpoints.get(name)
    return "owner" if endpoint is None else endpoint.audience


def operators_of(turn: Turn, report: Report) -> tuple[str, ...]:
    """The operators, when resources run short on our side (those of a tenant, too), whatever the route."""
    short = is_shortage(report.problem) and not _is_of_peer(turn, report)
    if not short and report.limit is not Limit.TENANT_CASES:
        return ()
    return tuple(name for name, one in turn.config.book.endpoints.items() if one.audience == "operator")


def _is_of_peer(turn: Turn, report: Report) -> bool:
    """Whether the trouble is at the peer's. A report of which nobody says who wrote it is the other side's, if one is
    known: it reports of itself, unless it says that the trouble is at ours."""
    side = side_of(turn, report.problem)
    return side == "peer" or (side is None and report.peer is not None and report.problem.where_party != "you")


def _named(turn: Turn, report: Report) -> tuple[str, ...]:
    """The endpoints of the routes that tell now; those of groups that wait which are told one by one all the same; and
    operators who would not hear of a shortage otherwise."""
    book = turn.config.book
    named = [name for one in report.telling for name in one.route.endpoints]
    waiting: set[str] = set()
    for one in report.matched if report.waiting else ():
        if one.path in report.waiting:
            waiting.update(one.route.endpoints)
            if report.waiting[one.path].reason is Reason.GROUPED:
                readers = book.notification_readers(one.route.endpoints)
                named += [name for name in one.route.endpoints if name not in readers]
    named += [name for name in operators_of(turn, report) if name not in waiting]
    return tuple(dict.fromkeys(named))


def _choose(turn: Turn, report: Report, named: tuple[str, ...]) -> None:
    """Of the endpoints that are named, those that may be told."""
    book = turn.config.book
    if book.by_didcomm:
        report.addressees = addressees_of(turn, named, report)
    peers = [name for name in named if audience_of(name, book) == "peer"]
    if not peers:
        report.endpoints = named
        return
    report.left_out = why_not(turn, report)
    sayable: tuple[str, ...] = ()
    if not report.left_out:
        told = for_peer(report.problem, report.context.trust)
        known = [name for name in peers if name not in book.by_didcomm or name in report.addressees]
        sayable = tuple(name for name in known if _can_tell(report, told, book.endpoints[name]))
        report.left_out = "" if sayable else "the dialect cannot say it" if known else "nobody knows the peer's DID"
    match spend(turn, report) if sayable else "":
        case "limit_notice":
            report.over_limit = sayable
        case "silent":
            sayable, report.left_out = (), "budget"
    report.endpoints = tuple(name for name in named if name not in peers or name in sayable)


def _can_tell(report: Report, told: Problem, endpoint: Endpoint) -> bool:
    to = report.addressees.get(endpoint.name)
    if to is None:
        return can_say(told, endpoint.body)
    return message_of(told, to, report.thread, report.event.event_id) is not None


def why_not(turn: Turn, report: Report) -> str:
    if report.limit is Limit.TENANT_CASES:
        return "what a tenant has here is not the peer's to know"
    # An error that raises a warning of theirs is the one answer they are owed (DIDComm v2, "Replying to Warnings").
    if report.problem.dialect in REPORT_DIALECTS and next(promotable(turn, report), None) is None:
        return "a report is not answered with a report"
    return "" if is_trusted(report.context.trust) else "trust"
