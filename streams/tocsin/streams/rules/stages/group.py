"""Groups: a route that says `group` tells together what belongs together; what waits comes in a digest."""

from __future__ import annotations

from tocsin.streams.rules.config import Grouping
from tocsin.streams.rules.digest import Window, open_window, window_of
from tocsin.streams.rules.facts import digest_of_values, values_of
from tocsin.streams.rules.report import Matched, Report, Waiting
from tocsin.streams.rules.turn import Turn
from tocsin.streams.rules.verdict import Outcome, Reason


def judge(turn: Turn, report: Report) -> None:
    """Let the routes wait whose group has a window, or waits before it tells the first. A limit notice waits for
    nothing."""
    if report.limit is not None:
        return
    for one in report.telling:
        grouping = one.route.group
        if grouping is None:
            continue
        group = _group_of(report, one, grouping)
        row = window_of(turn, group)
        if row is not None or grouping.wait:
            until = turn.now + grouping.wait if row is None else row.until
            report.waiting[one.path] = Waiting(
                reason=Reason.GROUPED, detail=one.path, group=group, until=until, interval=grouping.interval
            )  # fmt: skip


def after(turn: Turn, report: Report, outcome: Outcome) -> None:
    """Something was told: the groups of the routes that told it have a window from now on."""
    if report.limit is not None or outcome.suppressed is not None:
        return
    for one in report.telling:
        grouping = one.route.group
        if grouping is not None:
            window = Window(
                group=_group_of(report, one, grouping),
                why=Reason.GROUPED,
                endpoints=turn.config.book.notification_readers(one.route.endpoints),
                until=turn.now + grouping.interval,
                route=one.path,
                interval=grouping.interval,
            )
            open_window(turn, report, window, outcome.represented_by)


def _group_of(report: Report, matched: Matched, grouping: Grouping) -> str:
    return f"grouped/{matched.path}/{digest_of_values(values_of(report.facts, grouping.by))}"
