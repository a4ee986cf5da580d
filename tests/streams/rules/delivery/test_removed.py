"""An endpoint that was removed is remembered for as long as something of it may be under way, and then forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from tests.harness.unanswered import deliver
from tests.streams.rules.delivery.test_deliver import NOW, a_command, a_request, an_outcome, run_timers
from tocsin.schemas.events import EndpointCommandKind
from tocsin.streams.rules.delivery.schedule import DeliverConfig
from tocsin.streams.rules.policies import DeliveryPolicy
from tocsin.streams.rules.state import EndpointRow
from tocsin.streams.rules.values import DAY, SECOND

if TYPE_CHECKING:
    from tests.streams.rules.conftest import DictRows

KNOWN = DeliverConfig(endpoints=frozenset({"owner"}))
ENDED = DeliverConfig(endpoints=frozenset())
REMOVE, ENABLE = EndpointCommandKind.REMOVE, EndpointCommandKind.ENABLE


def test_names_that_come_and_go_leave_nothing_behind(rows: DictRows) -> None:
    for number in range(50):
        deliver(replace(a_command(REMOVE), endpoint=f"hook-{number}"), rows, NOW, ENDED)
    assert len(rows.rows) == 50
    assert run_timers(rows, NOW + ENDED.disabled_limit - 1, ENDED) == []
    assert len(rows.rows) == 50, "what is under way still finds that it was removed"
    run_timers(rows, NOW + ENDED.disabled_limit, ENDED)
    assert not rows.rows


def test_it_is_remembered_for_longer_than_any_of_its_deliveries_waits_for_a_retry(rows: DictRows) -> None:
    policy = DeliveryPolicy(schedule=(0, 30 * DAY))
    slow = replace(KNOWN, policies={"owner": policy})
    deliver(a_request("d1"), rows, NOW, slow)
    deliver(an_outcome("d1"), rows, NOW, slow)
    deliver(a_command(REMOVE), rows, NOW + SECOND, slow)
    found, day = list[tuple[str, object]](), 0
    while rows.rows and day < 100:  # the name has left the rules, and its schedule with it
        day += 1
        found += run_timers(rows, NOW + day * DAY, ENDED)
    assert found == [("d1", "endpoint_removed")]
    assert 30 < day < 40, "and then forgotten"


def test_what_is_parked_is_dead_first(rows: DictRows) -> None:
    small = replace(ENDED, step_bytes=3_000)
    deliver(a_command(EndpointCommandKind.DISABLE), rows, NOW, replace(small, endpoints=KNOWN.endpoints))
    for number in range(100):
        deliver(a_request(f"d{number}"), rows, NOW, small)
    deliver(a_command(REMOVE), rows, NOW, small)
    found, now = list[tuple[str, object]](), NOW
    while rows.rows and now < NOW + 6 * DAY:
        now = min(due for key in rows.rows if (due := rows.due(key)) is not None)
        found += run_timers(rows, now, small)
    assert {reason for _, reason in found} == {"endpoint_removed"}
    assert len(found) >= 97
    assert not rows.rows


def test_one_that_the_rules_have_stays_removed(rows: DictRows) -> None:
    """Else it would be sent something again after five days, which nobody asked for."""
    deliver(a_command(REMOVE), rows, NOW, KNOWN)
    for day in range(1, 40):
        run_timers(rows, NOW + day * DAY, KNOWN)
    row = rows.get("endpoint/owner")
    assert isinstance(row, EndpointRow)
    assert row.status == "removed"
    assert run_timers(rows, NOW + 80 * DAY, ENDED) == []
    assert not rows.rows, "until they have it no longer"


def test_one_that_is_enabled_again_is_an_endpoint_like_any_other(rows: DictRows) -> None:
    deliver(a_command(REMOVE), rows, NOW, KNOWN)
    deliver(a_command(ENABLE), rows, NOW + SECOND, KNOWN)
    assert not rows.rows
    assert run_timers(rows, NOW + 10 * DAY, KNOWN) == []


@pytest.mark.parametrize("after", [DAY, 9 * DAY], ids=["soon", "late"])
def test_a_row_of_before_is_forgotten_when_it_is_heard_of_again(rows: DictRows, after: int) -> None:
    """It has no timer, and says no more than when it was removed."""
    rows.put("endpoint/owner", EndpointRow("owner", "removed", NOW), None)
    deliver(a_command(REMOVE), rows, NOW + after, ENDED)
    assert run_timers(rows, NOW + after + 5 * DAY, ENDED) == []
    assert not rows.rows
