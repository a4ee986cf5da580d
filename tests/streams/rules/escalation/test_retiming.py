"""What later reports make of the time of the first page: it is brought forward, never put off."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tocsin.schemas.events import EscalationStepped
from tocsin.schemas.problem import RetryParty
from tocsin.streams.rules.values import MINUTE

if TYPE_CHECKING:
    from tests.streams.rules.escalation.conftest import Bus

# Policy: a first page after 5 minutes, after 15 while the peer retries, at once for a connection, none for a message.
PLAIN: dict[str, Any] = {}
THEY_RETRY: dict[str, Any] = {"dialect": "aries-1.0", "retry_party": RetryParty.REPORTER}
BOTH_RETRY: dict[str, Any] = {"dialect": "aries-1.0", "retry_party": RetryParty.BOTH}
WE_RETRY: dict[str, Any] = {"dialect": "aries-1.0", "retry_party": RetryParty.RECIPIENT}
NOBODY_RETRIES: dict[str, Any] = {"dialect": "aries-1.0", "retry_party": RetryParty.NONE}
OURS_THEY_RETRY: dict[str, Any] = {"retry_party": RetryParty.RECIPIENT}
CONNECTION: dict[str, Any] = {"impact": "connection"}
THREAD: dict[str, Any] = {"impact": "thread"}
MESSAGE: dict[str, Any] = {"impact": "message"}
Reports = list[tuple[int, dict[str, Any]]]

# the first report; the later ones, each so many minutes after the first; the minutes until the first page
ROWS: dict[str, tuple[dict[str, Any], Reports, int]] = {
    "nothing new": (PLAIN, [(1, PLAIN)], 5),
    "wider: the connection": (PLAIN, [(2, CONNECTION)], 2),
    "wider, by its scope": (PLAIN, [(2, {"scope": "connection"})], 2),
    "wider, though they retry": (THEY_RETRY, [(2, CONNECTION | THEY_RETRY)], 2),
    "no wider: a thread": (PLAIN, [(2, THREAD)], 5),
    "narrower": (THREAD, [(2, MESSAGE)], 5),
    "narrower than what was at once": (THEY_RETRY, [(1, CONNECTION), (2, MESSAGE)], 1),
    "narrower, while they retry": (THEY_RETRY, [(2, MESSAGE)], 15),
    "they no longer retry": (THEY_RETRY, [(2, NOBODY_RETRIES)], 5),
    "now we are to retry": (THEY_RETRY, [(2, WE_RETRY)], 5),
    "they no longer retry, and it is late": (THEY_RETRY, [(9, NOBODY_RETRIES)], 9),
    "they go on": (THEY_RETRY, [(2, THEY_RETRY), (7, BOTH_RETRY)], 15),
    "they begin to retry": (PLAIN, [(2, THEY_RETRY)], 5),
    "they begin to retry what is ours": (PLAIN, [(2, OURS_THEY_RETRY)], 5),
    "they begin to retry after it was brought forward": (THEY_RETRY, [(1, NOBODY_RETRIES), (2, THEY_RETRY)], 5),
    "they retry again after they did not": (OURS_THEY_RETRY, [(1, PLAIN), (2, OURS_THEY_RETRY), (3, BOTH_RETRY)], 5),
    "several, the earliest counts": (THEY_RETRY, [(2, NOBODY_RETRIES), (3, CONNECTION), (4, THEY_RETRY)], 3),
}


@pytest.mark.parametrize(("first", "later", "page"), ROWS.values(), ids=ROWS)
def test_the_first_page(bus: Bus, first: dict[str, Any], later: Reports, page: int) -> None:
    assert minutes_until_page(bus, first, later) == page


@pytest.mark.parametrize(("until", "page"), [(1, 2), (10, 10)], ids=["which is over by then", "which goes on"])
def test_a_snooze_is_kept(bus: Bus, until: int, page: int) -> None:
    """What brings the page forward does not end a snooze."""
    bus.report("r0")
    bus.command("snooze", "r0", until=bus.now + until * MINUTE)
    assert minutes_until_page(bus, None, [(2, CONNECTION)]) == page


def test_who_takes_it_is_not_paged(bus: Bus) -> None:
    bus.report("r0", **THEY_RETRY)
    bus.command("acknowledge", "r0")
    bus.report("r1", **CONNECTION)
    assert bus.pages(30 * MINUTE) == []


def test_after_the_first_page_the_policy_goes_on(bus: Bus) -> None:
    bus.report("r0")
    assert bus.pages(5 * MINUTE) == [("phone",)]
    bus.report("r1", **CONNECTION)
    assert bus.pages(MINUTE) == []
    assert bus.pages(MINUTE) == [("phone",)]


def minutes_until_page(bus: Bus, first: dict[str, Any] | None, later: Reports) -> int:
    if first is not None:
        bus.report("r0", **first)
    due = dict(later)
    for minute in range(1, 31):
        paged = any(isinstance(one, EscalationStepped) for one in bus.pass_time(MINUTE))
        if paged:
            return minute
        if minute in due:
            bus.report(f"r{minute}", **due[minute])
            if any(isinstance(one, EscalationStepped) for one in bus.pass_time(1)):
                return minute
    raise AssertionError("no page")
