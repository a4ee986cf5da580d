"""What a peer does, in numbers: what it sends, how long its answers take, which did not come, what was stopped. Pure.

A reply is the next message that came in a thread after one that we sent there. Of a message that was sent again nobody
knows which one was answered, so it counts for nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from tocsin.connectors.dialects.message_types import parse_piuri
from tocsin.connectors.store.loops import LOOP_REASONS
from tocsin.connectors.store.queries.peers import MOST_REPORTS, OfPeer, Sent
from tocsin.connectors.store.structs import Activity, CaseEvent
from tocsin.streams.ask.loop_words import LOOP_WORDS
from tocsin.streams.rules.notification import timestamp

MOST_NAMES = 20
"""Codes, protocols, message types and time-outs that are named."""
DAY = 86_400_000_000

SENT, RECEIVED = "message_sent", "message_received"


def facts_of(known: OfPeer) -> dict[str, Any]:
    """What is known of a peer besides the rules that it breaks; times in milliseconds where the name says so."""
    stopped = Counter(one.reason for one in known.sent if one.reason in LOOP_REASONS)
    return {
        "sent": _sent(known.sent),
        "protocols": _named(_protocol(one.message_type) for one in known.messages if one.kind == RECEIVED),
        "replies": replies_of(known.messages),
        "timeouts": {"count": len(known.timeouts), "newest": [_timeout(one) for one in known.timeouts[:MOST_NAMES]]},
        "stopped": [
            {"reason": reason, "meaning": LOOP_WORDS[reason or ""], "count": count}
            for reason, count in stopped.most_common()
        ],
    }


def _sent(sent: Sequence[Sent]) -> dict[str, Any]:
    days = Counter(one.at - one.at % DAY for one in sent)
    shown: dict[str, Any] = {
        "count": len(sent),
        "whole": len(sent) < MOST_REPORTS,
        "codes": _named(one.code for one in sent),
        "dialects": _named(one.dialect for one in sent),
        "days": [{"day": timestamp(day)[:10], "count": days[day]} for day in sorted(days)],
    }
    return shown | ({"first_at": timestamp(sent[-1].at), "last_at": timestamp(sent[0].at)} if sent else {})


def _named(names: Iterable[str | None]) -> list[dict[str, Any]]:
    counted = Counter(name for name in names if name)
    return [{"name": name, "count": count} for name, count in counted.most_common(MOST_NAMES)]


def _protocol(message_type: str | None) -> str | None:
    found = None if message_type is None else parse_piuri(message_type)
    return None if found is None or message_type is None else message_type.rpartition("/")[0]


def replies_of(messages: Sequence[Activity]) -> list[dict[str, Any]]:
    """How long replies took, by the type of the message that was answered, most frequent first; the messages are the
    oldest first."""
    waiting: dict[str, tuple[str, int] | None] = {}
    took: dict[str, list[int]] = {}
    for one in messages:
        if one.thread_id is None:
            continue
        if one.kind == SENT and one.message_type is not None:
            again = one.thread_id in waiting
            waiting[one.thread_id] = None if again else (one.message_type, one.at)
        elif one.kind == RECEIVED:
            asked = waiting.pop(one.thread_id, None)
            if asked is not None:
                took.setdefault(asked[0], []).append(one.at - asked[1])
    most = sorted(took.items(), key=lambda item: (-len(item[1]), item[0]))[:MOST_NAMES]
    return [{"message_type": kind, "count": len(spans), **_spans(spans)} for kind, spans in most]


def _spans(spans: list[int]) -> dict[str, int]:
    ordered = sorted(spans)
    return {
        "p50_ms": ordered[(len(ordered) - 1) // 2] // 1000,
        "p95_ms": ordered[-(-95 * len(ordered) // 100) - 1] // 1000,
        "longest_ms": ordered[-1] // 1000,
    }


def _timeout(one: CaseEvent) -> dict[str, Any]:
    detail: dict[str, Any] = {} if one.detail is None else msgspec.json.decode(one.detail)
    told = {
        "at": timestamp(one.at),
        "thread": one.thread_id,
        "connection": one.connection,
        "message_type": detail.get("message_type"),
        "waited_ms": detail.get("waited", 0) // 1000,
        "choice": detail.get("choice"),
        "case": one.case_id or None,
    }
    return {name: value for name, value in told.items() if value is not None}
