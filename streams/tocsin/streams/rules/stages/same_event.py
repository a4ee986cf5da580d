"""Has this very report been decided before?

Within the window its body decides between a repeat and a conflict. After it the body is forgotten, and only a report
that its case knows as its first or last one (`cases.represented_by`) is still a repeat, whatever its body.
"""

from __future__ import annotations

from hashlib import sha256

import msgspec

from tocsin.schemas.events import ConflictNoticed, ProblemReported, ProblemSuppressed
from tocsin.schemas.ids import derived_id
from tocsin.streams.rules.cases import represented_by
from tocsin.streams.rules.decision import PROBLEMS
from tocsin.streams.rules.derive import about
from tocsin.streams.rules.report import Report
from tocsin.streams.rules.state import SeenRow
from tocsin.streams.rules.turn import Turn
from tocsin.streams.rules.verdict import Outcome, Reason, Verdict


def judge(turn: Turn, report: Report) -> Verdict | None:
    """A verdict when the report came before: then nothing of it counts again."""
    event, window = report.reported, turn.config.dedupe_window
    seen = turn.seen.find(event.event_id)
    if seen is not None and turn.now - seen.at < window:
        if seen.digest == digest_of(event):
            return Verdict(reason=Reason.SAME_EVENT_ID, represented_by=seen.represented_by)
        return Verdict(reason=Reason.CONFLICT, represented_by=seen.represented_by)
    known = represented_by(turn, report)
    return None if known is None else Verdict(reason=Reason.SAME_EVENT_ID, represented_by=known)


def repeated(turn: Turn, report: Report, verdict: Verdict) -> None:
    """Say what became of a report that came before: each copy is a suppression of its own, or the sums would not
    balance; a conflict is noticed besides."""
    event, key = report.reported, turn.seen.key(report.reported.event_id)
    seen, due = turn.seen.get(key), turn.seen.due(key)
    if seen is None or turn.now - seen.at >= turn.config.dedupe_window:
        seen = SeenRow(digest_of(event), turn.now, report.case, verdict.represented_by or "")
        due = turn.now + turn.config.dedupe_window
    seen = msgspec.structs.replace(seen, repeats=seen.repeats + 1)
    turn.seen.put(key, seen, due)
    copy = f"{seen.at}.{seen.repeats}"
    if verdict.reason is Reason.CONFLICT:
        conflict = ConflictNoticed(
            **about(event, derived_id("conflict", event.event_id, copy), turn.now),
            case=seen.case,
            report=event.event_id,
            first_digest=seen.digest,
            second_digest=digest_of(event),
        )
        turn.emit(PROBLEMS, seen.case, conflict)
    suppressed = ProblemSuppressed(
        **about(event, derived_id("suppressed", event.event_id, copy), turn.now),
        case=seen.case,
        report=event.event_id,
        reason=str(verdict.reason),
        survivor=verdict.represented_by,
    )
    turn.emit(PROBLEMS, seen.case, suppressed)


def after(turn: Turn, report: Report, outcome: Outcome) -> None:
    """Remember the report by its id; one that was told for longer, since those who were told may answer by it.

    A case of which nobody was told since a rule wants it so is remembered as that; not one beyond a limit: a flood must
    leave little."""
    event, window, told = report.reported, turn.config.dedupe_window, outcome.suppressed is None
    seen = SeenRow(digest_of(event), turn.now, report.case, outcome.represented_by)
    answerable_for = max(window, turn.config.kept_ttl)
    turn.seen.put(turn.seen.key(event.event_id), seen, turn.now + (answerable_for if told else window))
    reason = None if outcome.suppressed is None else outcome.suppressed.reason
    if reason is None or not reason.by_a_rule_of_the_file or turn.cases.find(report.case) is not None:
        return
    key = turn.seen.key(report.case)
    if reason.told_later:
        turn.seen.delete(key)
    else:
        # As old as dedupe knows nothing of: it says nothing of a report that has this id.
        turn.seen.put(key, SeenRow("", turn.now - window, report.case, ""), turn.now + answerable_for)


def digest_of(report: ProblemReported) -> str:
    """SHA-256 (hex) of what was reported: the original bytes, or the normalised problem when there are none."""
    return sha256(report.raw or _encode(report.problem)).hexdigest()


_encode = msgspec.msgpack.Encoder(order="deterministic").encode
