"""The last stage: what waits is counted for its digest, and a report that nobody is told of now is suppressed.

An endpoint that another route tells now does not wait as well. Peers, and endpoints that take a dialect's documents,
know no digests: a group is told them one by one (stage `audience`), in a mute time they are told nothing.
"""

from __future__ import annotations

from tocsin.streams.rules.digest import Window, hold_back
from tocsin.streams.rules.report import Report
from tocsin.streams.rules.turn import Turn
from tocsin.streams.rules.verdict import Reason, Verdict


def judge(turn: Turn, report: Report) -> Verdict | None:
    """Count the report in the digests of the routes that wait, and suppress it when no endpoint is told now: for the
    reason of the first route that waits, else because only peers would be told, and they may not be."""
    withheld: Verdict | None = None
    for one in report.matched if report.waiting else ():
        waiting = report.waiting.get(one.path)
        if waiting is None:
            continue
        endpoints = turn.config.book.notification_readers(one.route.endpoints)
        left = tuple(name for name in endpoints if name not in report.endpoints)
        if endpoints and not left:
            continue
        window = Window(
            group=waiting.group, why=waiting.reason, endpoints=left, until=waiting.until, route=one.path,
            interval=waiting.interval,
        )  # fmt: skip
        held = hold_back(turn, report, window) if left else None
        withheld = withheld or Verdict(reason=waiting.reason, detail=waiting.detail, represented_by=held)
    if report.endpoints:
        return None
    return withheld or Verdict(reason=Reason.PEER_NOT_TOLD, detail=report.left_out)
