"""Breaker, throttle and rate of an endpoint: what waits, until when, and that it uses up nothing by waiting."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.harness.unanswered import deliver
from tests.streams.rules.delivery.test_deliver import NOW, a_command, a_request, an_outcome, outline, run_timers
from tocsin.connectors.outcomes import Reason
from tocsin.schemas.events import DeliveryOutcome, EndpointCommandKind, Outcome
from tocsin.streams.rules.delivery import gate
from tocsin.streams.rules.delivery.schedule import MAX_RETRY_AFTER, DeliverConfig
from tocsin.streams.rules.policies import DeliveryPolicy
from tocsin.streams.rules.state import DeliveryRow, EndpointRow, QueuedRow, decode_row, encode_row
from tocsin.streams.rules.values import DAY, HOUR, MINUTE, SECOND, RateLimit

if TYPE_CHECKING:
    from tests.streams.rules.conftest import DictRows

DEFAULT = DeliverConfig()


def config(**policy: object) -> DeliverConfig:
    return DeliverConfig(policies={"owner": DeliveryPolicy(**policy)})  # type: ignore[arg-type]


def failed(name: str, attempt: int = 1, status: int | None = 500, after: int | None = None) -> DeliveryOutcome:
    return msgspec.structs.replace(an_outcome(name, attempt, retry_after=after), status=status)


def taken(name: str, attempt: int = 1) -> DeliveryOutcome:
    return an_outcome(name, attempt, Outcome.DELIVERED)


def refused(name: str, attempt: int = 1) -> DeliveryOutcome:
    return msgspec.structs.replace(an_outcome(name, attempt), reason=Reason.CLIENT_ERROR, status=422)


def endpoint(rows: DictRows) -> EndpointRow:
    row = rows.get("endpoint/owner")
    assert isinstance(row, EndpointRow)
    return row


def all_fail(rows: DictRows, count: int, now: int = NOW, settings: DeliverConfig = DEFAULT) -> None:
    for number in range(count):
        assert outline(deliver(a_request(f"d{number}"), rows, now, settings)) == [(f"d{number}", 1)]
    for number in range(count):
        assert outline(deliver(failed(f"d{number}"), rows, now, settings)) == []


# -- the breaker ---------------------------------------------------------------------------------------------------


def test_a_dead_endpoint_gets_one_probe_every_30_s(rows: DictRows) -> None:
    all_fail(rows, 5)
    assert endpoint(rows).breaker == "open"
    for number in range(100):
        assert deliver(a_request(f"later{number}"), rows, NOW, DEFAULT) == []
    probes, now = list[tuple[str, object]](), NOW
    for _ in range(120):  # ten minutes
        now += 5 * SECOND
        for probe in run_timers(rows, now, DEFAULT):
            assert endpoint(rows).breaker == "half_open"
            deliver(failed(probe[0], int(str(probe[1]))), rows, now, DEFAULT)
            assert endpoint(rows).breaker == "open"
            probes.append(probe)
    assert len(probes) == 20, "one in 30 s, of whatever is due"
    assert len({name for name, _ in probes}) == 20, "each attempt is of another delivery: nobody's schedule is used up"


def test_its_backlog_goes_on_in_order_when_it_is_back(rows: DictRows) -> None:
    all_fail(rows, 5)
    for number in range(40):
        deliver(a_request(f"later{number}", f"lane{number % 10}"), rows, NOW, DEFAULT)
    now = NOW + 31 * SECOND
    done, asked = list[str](), run_timers(rows, now, DEFAULT)
    assert len(asked) == 1, "a probe"
    while asked:
        name, attempt = asked.pop(0)
        done.append(name)
        asked += outline(deliver(taken(name, int(str(attempt))), rows, now, DEFAULT))
        assert len(asked) <= 8 * (len(done) + 1)
    lanes = [[name for name in done if name.endswith(str(lane)) and name.startswith("later")] for lane in range(10)]
    assert [len(lane) for lane in lanes] == [4] * 10
    assert all(lane == sorted(lane, key=lambda name: int(name.removeprefix("later"))) for lane in lanes)
    assert {f"d{number}" for number in range(5)} <= set(done)
    assert "endpoint/owner" not in rows.rows, "nothing is kept of one that is well"
    assert not [key for key in rows.rows if key.startswith("queued/")]


def test_one_that_is_back_and_refuses_what_it_reads_gets_the_rest_at_its_pace(rows: DictRows) -> None:
    all_fail(rows, 5)
    for number in range(40):
        deliver(a_request(f"later{number}"), rows, NOW, DEFAULT)
    now = NOW + 31 * SECOND
    seen, asked = list[str](), run_timers(rows, now, DEFAULT)
    while asked:
        name, attempt = asked.pop(0)
        seen.append(name)
        asked += outline(deliver(refused(name, int(str(attempt))), rows, now, DEFAULT))
    assert {f"later{number}" for number in range(40)} <= set(seen), "all at once, and not one in 30 s"
    assert endpoint(rows).failures == 5 + len(seen), "that it took nothing is remembered, and told"


@pytest.mark.parametrize(
    ("outcomes", "opens"),
    [
        pytest.param("fffff", True, id="five in a row"),
        pytest.param("ffff", False, id="four"),
        pytest.param("ffffsff", False, id="not in a row"),
        pytest.param("rrrrrrr", False, id="rejected ones say nothing of the endpoint"),
        pytest.param("rrrrf", False, id="nor do they count beside a failure"),
        pytest.param("ccccccc", False, id="refused ones are answers"),
        pytest.param("ccccf", False, id="four that were refused and one failure"),
        pytest.param("ffffcf", False, id="an answer between them, that refuses it"),
        pytest.param("fffffc", False, id="a refusal that was under way closes it"),
        pytest.param("fffffd", False, id="also one that ends the delivery"),
        pytest.param("fffffr", True, id="one that was not sent does not"),
        pytest.param("aaaaa", True, id="who refuses our key refuses everything"),
        pytest.param("fffffs", False, id="a success that was under way closes it"),
    ],
)
def test_what_opens_it(rows: DictRows, outcomes: str, opens: bool) -> None:
    kinds: dict[str, dict[str, object]] = {
        "f": {},
        "s": {"outcome": Outcome.DELIVERED},
        "r": {"outcome": Outcome.REJECTED, "reason": Reason.UNACCEPTABLE, "status": None},
        "c": {"reason": Reason.CLIENT_ERROR, "status": 422},
        "d": {"outcome": Outcome.REJECTED, "reason": Reason.CLIENT_ERROR, "status": 422},
        "a": {"reason": Reason.AUTH_ERROR, "status": 401},
    }
    names = [f"d{number}" for number in range(len(outcomes))]
    for name in names:
        deliver(a_request(name), rows, NOW, DEFAULT)
    for name, kind in zip(names, outcomes, strict=True):
        deliver(msgspec.structs.replace(failed(name), **kinds[kind]), rows, NOW, DEFAULT)
    assert outline(deliver(a_request("next"), rows, NOW, DEFAULT)) == ([] if opens else [("next", 1)])


def test_without_a_breaker_only_the_schedule_counts(rows: DictRows) -> None:
    settings = config(breaker_failures=0)
    all_fail(rows, 50, settings=settings)
    assert len(run_timers(rows, NOW + 6 * SECOND, settings)) == 50


def test_a_breaker_that_is_switched_off_while_it_is_open_lets_all_go(rows: DictRows) -> None:
    all_fail(rows, 5)
    deliver(a_request("next"), rows, NOW, DEFAULT)
    assert ("next", 1) in run_timers(rows, NOW + 30 * SECOND, config(breaker_failures=0))


def test_a_lost_probe_is_asked_for_again_as_a_probe(rows: DictRows) -> None:
    row = EndpointRow("owner", "enabled", NOW, failures=5, failing_since=NOW, breaker="open", probe_at=NOW)
    rows.put("endpoint/owner", row, None)
    assert outline(deliver(a_request("alone"), rows, NOW, DEFAULT)) == [("alone", 1)]
    assert deliver(a_request("next"), rows, NOW, DEFAULT) == []
    asked, now = list[tuple[str, object]](), NOW
    while now < NOW + HOUR:  # no outcome ever comes
        now += 5 * SECOND
        found = run_timers(rows, now, DEFAULT)
        assert len(found) <= 1
        asked += found
    assert set(asked) == {("alone", 1), ("next", 1)}, "the same attempts, as probes"
    assert len(asked) <= 120
    assert outline(deliver(taken("alone"), rows, now, DEFAULT)) == []
    assert "endpoint/owner" not in rows.rows


def test_who_enables_it_by_hand_has_it_tried_at_once(rows: DictRows) -> None:
    all_fail(rows, 5)
    deliver(a_request("next"), rows, NOW, DEFAULT)
    assert outline(deliver(a_command(EndpointCommandKind.ENABLE), rows, NOW, DEFAULT)) == [("next", 1)]


@pytest.mark.parametrize(
    ("hold_time", "end"),
    [
        pytest.param(None, 1, id="not while it waits for its endpoint"),
        pytest.param(10 * SECOND, "held_too_long", id="set"),
    ],
)
def test_what_is_held_behind_one_that_waits(rows: DictRows, hold_time: int | None, end: object) -> None:
    settings = config(schedule=(0, SECOND), hold_time=hold_time, breaker_failures=1)
    deliver(a_request("d0"), rows, NOW, settings)
    deliver(failed("d0"), rows, NOW, settings)
    for name in ("d1", "d2"):
        deliver(a_request(name, "t"), rows, NOW, settings)
    asked, now = list[tuple[str, object]](), NOW
    while now < NOW + 10 * MINUTE:
        now += 5 * SECOND
        for name, attempt in run_timers(rows, now, settings):
            asked.append((name, attempt))
            if (isinstance(attempt, int) and name == "d0") or (isinstance(attempt, int) and now < NOW + 5 * MINUTE):
                deliver(failed(name, attempt), rows, now, settings)
    assert next(what for name, what in asked if name == "d2") == end


def test_one_that_is_switched_off_has_no_breaker(rows: DictRows) -> None:
    all_fail(rows, 5)
    deliver(a_command(EndpointCommandKind.DISABLE), rows, NOW, DEFAULT)
    assert (endpoint(rows).status, endpoint(rows).breaker) == ("disabled", "closed")


# -- how what waited goes on -----------------------------------------------------------------------------------------


def in_silence(rows: DictRows, now: int, seconds: int = 15) -> list[tuple[str, object]]:
    """What is asked for while no outcome comes, by timers alone; no lease is over."""
    found = []
    for quarter in range(1, 4 * seconds):
        found += run_timers(rows, now + quarter * SECOND // 4, DEFAULT)
    return found


def test_one_that_falls_silent_again_after_one_success_gets_a_few(rows: DictRows) -> None:
    all_fail(rows, 5)
    for number in range(500):
        deliver(a_request(f"later{number}"), rows, NOW, DEFAULT)
    now = NOW + 31 * SECOND
    ((probe, attempt),) = run_timers(rows, now, DEFAULT)
    asked = outline(deliver(taken(probe, int(str(attempt))), rows, now, DEFAULT)) + in_silence(rows, now)
    assert len(asked) == 9, "eight, and one more for the one that went well; the clock lets nothing go"
    now += 15 * SECOND
    for name, attempt in asked[:5]:
        asked += outline(deliver(failed(name, int(str(attempt)), None), rows, now, DEFAULT))
    assert endpoint(rows).breaker == "open"
    assert len(asked) == 13, "and one for each outcome, until five have failed"


def test_one_that_goes_well_gets_ever_more_but_never_all_at_once(rows: DictRows) -> None:
    all_fail(rows, 5)
    for number in range(500):
        deliver(a_request(f"later{number}"), rows, NOW, DEFAULT)
    now = NOW + 31 * SECOND
    asked, most, done = run_timers(rows, now, DEFAULT), 0, 0
    while asked:
        answered, asked = asked, list[tuple[str, object]]()
        for name, attempt in answered:
            asked += outline(deliver(taken(name, int(str(attempt))), rows, now, DEFAULT))
            done += 1
        most = max(most, len(asked))
    assert (most, done) == (64, 505), "64 at most, and no time passed: it waits for no clock"


@pytest.mark.parametrize("steer", ["enable", "throttle"])
def test_and_so_does_what_waited_for_anything_else(rows: DictRows, steer: str) -> None:
    deliver(a_request("first"), rows, NOW, DEFAULT)
    if steer == "enable":
        deliver(a_command(EndpointCommandKind.DISABLE), rows, NOW, DEFAULT)
    else:
        deliver(failed("first", status=503, after=MINUTE), rows, NOW, DEFAULT)
    for number in range(100):
        deliver(a_request(f"later{number}"), rows, NOW + SECOND, DEFAULT)
    now = NOW + 2 * SECOND if steer == "enable" else NOW + MINUTE
    asked = outline(deliver(a_command(EndpointCommandKind.ENABLE), rows, now, DEFAULT)) if steer == "enable" else []
    assert len(asked + run_timers(rows, now, DEFAULT) + in_silence(rows, now)) == 8


def test_nothing_is_held_for_an_attempt_whose_outcome_is_waited_for_no_longer(rows: DictRows) -> None:
    """Each that was let go is asked for again by its lease, and its outcome lets the next one go."""
    deliver(a_command(EndpointCommandKind.DISABLE), rows, NOW, DEFAULT)
    for number in range(100):
        deliver(a_request(f"d{number}"), rows, NOW, DEFAULT)
    first = outline(deliver(a_command(EndpointCommandKind.ENABLE), rows, NOW, DEFAULT))
    assert len(first) == 8
    now, asked = NOW + 2 * MINUTE, list[tuple[str, object]]()
    asked += run_timers(rows, now, DEFAULT)  # a dispatcher was killed with all of them
    assert sorted(asked) == sorted(first)
    seen = set[str]()
    while asked:
        name, attempt = asked.pop(0)
        seen.add(name)
        asked += outline(deliver(taken(name, int(str(attempt))), rows, now, DEFAULT))
    assert len(seen) == 100


@pytest.mark.parametrize("under_way", [0, 50], ids=["none is under way", "others are, that nobody counted"])
def test_a_row_of_before_knows_of_none_that_were_let_go(rows: DictRows, under_way: int) -> None:
    for number in range(under_way):
        deliver(a_request(f"before{number}"), rows, NOW, DEFAULT)
    deliver(a_command(EndpointCommandKind.DISABLE), rows, NOW, DEFAULT)
    for number in range(100):
        deliver(a_request(f"d{number}"), rows, NOW, DEFAULT)
    bare = decode_row(encode_row(endpoint(rows)), 5)
    rows.put("endpoint/owner", bare, rows.due("endpoint/owner"))
    asked = outline(deliver(a_command(EndpointCommandKind.ENABLE), rows, NOW, DEFAULT))
    asked += [(f"before{number}", 1) for number in range(under_way)]
    seen = set[str]()
    while asked:
        name, attempt = asked.pop(0)
        seen.add(name)
        asked += outline(deliver(taken(name, int(str(attempt))), rows, NOW, DEFAULT))
    assert len(seen) == 100 + under_way
    assert "endpoint/owner" not in rows.rows, "nothing is kept of one that is well"


# -- the throttle --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "after", "pause"),
    [
        pytest.param(429, 30 * SECOND, 30 * SECOND, id="429 with Retry-After"),
        pytest.param(503, None, 5 * SECOND, id="503 without"),
        pytest.param(502, 0, 5 * SECOND, id="502 with a time that has passed"),
        pytest.param(504, 300 * DAY, MAX_RETRY_AFTER, id="504, for a year"),
        pytest.param(500, 30 * SECOND, 0, id="500 is about this delivery"),
        pytest.param(404, None, 0, id="404 too"),
    ],
)
def test_an_overloaded_endpoint_is_left_alone_as_a_whole(
    rows: DictRows, status: int, after: int | None, pause: int
) -> None:
    deliver(a_request("d1"), rows, NOW, DEFAULT)
    deliver(failed("d1", status=status, after=after), rows, NOW, DEFAULT)
    now = NOW + SECOND
    found = outline(deliver(a_request("d2"), rows, now, DEFAULT))
    if not pause:
        assert found == [("d2", 1)]
        return
    assert found == []
    assert [one for one in run_timers(rows, NOW + pause - 1, DEFAULT) if one[0] == "d2"] == []
    assert ("d2", 1) in run_timers(rows, NOW + pause, DEFAULT)


def test_a_success_that_was_under_way_does_not_end_the_pause(rows: DictRows) -> None:
    deliver(a_request("d1"), rows, NOW, DEFAULT)
    deliver(a_request("d2"), rows, NOW, DEFAULT)
    deliver(failed("d1", status=429, after=MINUTE), rows, NOW, DEFAULT)
    deliver(taken("d2"), rows, NOW, DEFAULT)
    assert outline(deliver(a_request("d3"), rows, NOW + SECOND, DEFAULT)) == []
    assert run_timers(rows, NOW + MINUTE - 1, DEFAULT) == []
    assert {name for name, _ in run_timers(rows, NOW + MINUTE + SECOND, DEFAULT)} == {"d1", "d3"}


@given(
    status=st.sampled_from([429, 500, 502, 503, 504, None]),
    hint=st.none() | st.integers(-(2**62), 2**62),
    throttle=st.sampled_from([0, SECOND, HOUR]),
    before=st.integers(0, 2 * HOUR),
)
def test_a_hint_never_brings_an_attempt_forward(
    status: int | None, hint: int | None, throttle: int, before: int
) -> None:
    policy = DeliveryPolicy(throttle=throttle)
    row = EndpointRow("owner", "enabled", NOW, failures=1, throttled_until=NOW - HOUR + before)
    plain = gate.went_wrong(row, policy, NOW, failed("d", status=status))
    hinted = gate.went_wrong(row, policy, NOW, failed("d", status=status, after=hint))
    assert gate.opens_at(row, policy, NOW) <= gate.opens_at(plain, policy, NOW) <= gate.opens_at(hinted, policy, NOW)
    assert hinted.throttled_until <= max(row.throttled_until, NOW + max(throttle, MAX_RETRY_AFTER))


# -- the rate ------------------------------------------------------------------------------------------------------


def test_a_rate_is_held_while_a_backlog_drains(rows: DictRows) -> None:
    settings = config(rate=RateLimit(10, SECOND))
    asked = []
    for number in range(100):
        asked += outline(deliver(a_request(f"d{number}"), rows, NOW, settings))
    assert len(asked) == 10
    at, now, order = list[int](), NOW, list[str]()
    while asked and now < NOW + MINUTE:
        now += SECOND // 20  # what the endpoint takes for them
        answered, asked = asked, []
        for name, attempt in answered:
            at.append(now)
            order.append(name)
            asked += outline(deliver(taken(name, int(str(attempt))), rows, now, settings))
        while not asked and len(order) < 100 and now < NOW + MINUTE:
            now += SECOND // 50
            asked = run_timers(rows, now, settings)
    assert order == [f"d{number}" for number in range(100)]
    assert max(sum(start <= one < start + SECOND for one in at) for start in at) == 10
    assert now < NOW + 13 * SECOND, "and not much below it"


@given(data=st.data())
def test_no_window_has_more_arrivals_than_the_rate(data: st.DataObject) -> None:
    """However long each attempt takes on its way there and back."""
    policy = DeliveryPolicy(rate=RateLimit(data.draw(st.integers(1, 5)), SECOND))
    assert policy.rate is not None
    row, now, arrivals, answers = EndpointRow("owner", "enabled", NOW), NOW, list[int](), list[int]()
    for _ in range(40):
        now += data.draw(st.integers(0, SECOND // 2))
        for answer in [one for one in answers if one <= now]:
            answers.remove(answer)
            row = gate.answered(row, policy, now)
        if gate.opens_at(row, policy, now) <= now:
            row = gate.taken(row, policy, now)
            arrivals.append(now + data.draw(st.integers(0, 3 * SECOND)))
            answers.append(arrivals[-1] + data.draw(st.integers(0, SECOND)))
    assert len(row.answered) <= gate.GROUPS + 1
    for start in arrivals:
        assert sum(start <= one < start + SECOND for one in arrivals) <= policy.rate.count


def test_a_rate_that_is_taken_away_lets_all_go(rows: DictRows) -> None:
    settings = config(rate=RateLimit(1, HOUR))
    for number in range(20):
        deliver(a_request(f"d{number}"), rows, NOW, settings)
    now, asked = NOW + HOUR, list[tuple[str, object]]()
    for _ in range(10):
        now += SECOND
        for name, attempt in run_timers(rows, now, DEFAULT):
            asked += [(name, attempt), *outline(deliver(taken(name, int(str(attempt))), rows, now, DEFAULT))]
    assert {name for name, _ in asked} >= {f"d{number}" for number in range(1, 20)}


# -- how long, and in which order ----------------------------------------------------------------------------------


def test_a_schedule_of_its_own(rows: DictRows) -> None:
    settings = config(schedule=(0, MINUTE), breaker_failures=0)
    deliver(a_request("d1"), rows, NOW, settings)
    deliver(failed("d1"), rows, NOW, settings)
    assert run_timers(rows, NOW + 59 * SECOND, settings) == []
    assert run_timers(rows, NOW + 67 * SECOND, settings)[0] == ("d1", 2)
    assert outline(deliver(failed("d1", 2), rows, NOW + MINUTE, settings)) == [("d1", "exhausted")]


def test_it_is_given_up_after_a_time_of_its_own(rows: DictRows) -> None:
    settings = config(exhausted_after=10 * MINUTE, breaker_failures=0)
    deliver(a_request("d1"), rows, NOW, settings)
    now, attempt = NOW, 1
    while not (ended := outline(deliver(failed("d1", attempt), rows, now, settings))):
        now = rows.dues["delivery/owner/d1"]
        attempt += 1
        assert run_timers(rows, now, settings) == [("d1", attempt)]
    assert ended == [("d1", "exhausted")]
    assert (attempt, now < NOW + 10 * MINUTE) == (4, True), "an attempt that would come later is not waited for"


def test_and_so_is_one_that_waits_for_its_endpoint(rows: DictRows) -> None:
    settings = config(exhausted_after=10 * MINUTE, rate=RateLimit(1, HOUR))
    assert outline(deliver(a_request("d1"), rows, NOW, settings)) == [("d1", 1)]
    deliver(a_request("d2"), rows, NOW, settings)
    deliver(taken("d1"), rows, NOW, settings)
    assert run_timers(rows, NOW + 2 * HOUR, settings) == [("d2", "exhausted")]


def test_without_order_nothing_waits_for_another(rows: DictRows) -> None:
    settings = config(order="none")
    for number in range(5):
        assert outline(deliver(a_request(f"d{number}", "t"), rows, NOW, settings)) == [(f"d{number}", 1)]
    deliver(failed("d0"), rows, NOW, settings)
    assert outline(deliver(a_request("next", "t"), rows, NOW, settings)) == [("next", 1)]
    assert not [key for key in rows.rows if key.startswith("lane/")]


def test_order_that_is_given_up_ends_with_what_is_held(rows: DictRows) -> None:
    deliver(a_request("d1", "t"), rows, NOW, DEFAULT)
    deliver(a_request("d2", "t"), rows, NOW, DEFAULT)
    assert outline(deliver(a_request("d3", "t"), rows, NOW, config(order="none"))) == [("d3", 1)]
    assert outline(deliver(taken("d1"), rows, NOW, config(order="none"))) == [("d2", 1)]


# -- rows of older formats ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("waiting", [3, 0], ids=["format 4", "before it, when nobody counted them"])
def test_a_stack_of_an_older_worker_becomes_a_queue(rows: DictRows, waiting: int) -> None:
    for number in range(3):
        deliver(a_request(f"d{number}", f"lane{number}"), rows, NOW, DEFAULT)
        row = rows.get(f"delivery/owner/d{number}")
        assert isinstance(row, DeliveryRow)
        below = f"d{number - 1}" if number else None
        parked = msgspec.structs.replace(row, state="parked", attempt=0, next_parked=below)
        rows.put(f"delivery/owner/d{number}", parked, None)
    rows.put("endpoint/owner", EndpointRow("owner", "disabled", NOW, "d2", waiting), NOW + 5 * DAY)
    assert deliver(a_request("new"), rows, NOW, DEFAULT) == []
    found = outline(deliver(a_command(EndpointCommandKind.ENABLE), rows, NOW, DEFAULT))
    assert sorted(found) == [("d0", 1), ("d1", 1), ("d2", 1), ("new", 1)]
    assert "endpoint/owner" not in rows.rows


def test_a_place_in_the_queue_is_small() -> None:
    assert len(encode_row(QueuedRow("018f0000-0000-7000-8000-000000000000"))) < 50
