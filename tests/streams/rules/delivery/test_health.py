"""What operators are told of an endpoint: that it fails, that it was switched off, that it is well again; once each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from tests.streams.rules.delivery.test_deliver import CONFIG, NOW, a_command, a_request, an_outcome
from tocsin.connectors.outcomes import Reason
from tocsin.schemas.codec import decode, encode
from tocsin.schemas.events import (
    CommandIssued,
    DeliveryRequested,
    EndpointCommandKind,
    Event,
    Outcome,
    ProblemReported,
)
from tocsin.streams.rules.config import DecideConfig, RuleBook
from tocsin.streams.rules.config import Endpoint as Endpoints
from tocsin.streams.rules.decide import decide
from tocsin.streams.rules.decision import DeadLetter, Decision
from tocsin.streams.rules.delivery.deliver import deliver, fire
from tocsin.streams.rules.delivery.health import DISABLED, EXHAUSTED, FAILING, FAILURES
from tocsin.streams.rules.policies import DeliveryPolicy
from tocsin.streams.rules.state import EndpointRow
from tocsin.streams.rules.values import DAY, HOUR, MINUTE, SECOND

if TYPE_CHECKING:
    from tests.streams.rules.conftest import DictRows

TOLD = msgspec.structs.replace(CONFIG, operators="tocsin", policy=DeliveryPolicy(breaker_failures=0, throttle=0))


class Endpoint:
    """One endpoint; `said` is what is told of it, and `at` the seconds that have passed."""

    def __init__(self, rows: DictRows) -> None:
        self.rows, self.at, self.number = rows, 0, 0
        self.said: list[str] = []
        self.events: list[ProblemReported | CommandIssued] = []

    def attempt(self, outcome: Outcome, reason: str = "server_error") -> None:
        """A delivery of its own is attempted."""
        self.number += 1
        name = f"d{self.number}"
        self.hear(a_request(name))
        ended = an_outcome(name, outcome=outcome)
        self.hear(msgspec.structs.replace(ended, reason=reason))

    def command(self, kind: EndpointCommandKind) -> None:
        self.hear(a_command(kind))

    def hear(self, event: Event) -> None:
        self.note(deliver(event, self.rows, NOW + self.at * SECOND, TOLD))

    def wait(self, seconds: int) -> None:
        """Time passes; every timer that is due fires."""
        self.at += seconds
        while (key := self.rows.next_due(NOW + self.at * SECOND)) is not None:
            self.note(fire(key, self.rows, NOW + self.at * SECOND, TOLD))

    def note(self, decisions: list[Decision]) -> None:
        for one in decisions:
            if isinstance(one, DeadLetter) or one.topic != "inbox":
                continue
            assert one.key == one.event.tenant == "tocsin"
            assert isinstance(one.event, ProblemReported | CommandIssued)
            self.events.append(one.event)
            if isinstance(one.event, ProblemReported):
                self.said.append(one.event.problem.code)
                assert "`tocsin endpoint" in (one.event.problem.text or "")
            else:
                self.said.append(f"{one.event.kind}: {one.event.why}")

    def row(self) -> EndpointRow | None:
        found = self.rows.get("endpoint/owner")
        assert found is None or isinstance(found, EndpointRow)
        return found


def failing(rows: DictRows) -> Endpoint:
    endpoint = Endpoint(rows)
    for _ in range(FAILURES - 1):
        endpoint.attempt(Outcome.RETRY_LATER)
    assert endpoint.said == [], "it may be a hiccup"
    endpoint.at = 61
    endpoint.attempt(Outcome.RETRY_LATER)
    return endpoint


def test_what_is_not_sent_for_it_is_of_another_tenant_says_nothing_of_the_endpoint(rows: DictRows) -> None:
    one = Endpoint(rows)
    for _ in range(2 * FAILURES):
        one.attempt(Outcome.REJECTED, "other_tenant")
        one.wait(3600)
    assert FAILING not in one.said
    assert DISABLED not in one.said
    state = rows.get("endpoint/owner")
    assert state is None or (isinstance(state, EndpointRow) and not state.failures and not state.last_error)


def test_one_that_fails_is_told_once(rows: DictRows) -> None:
    endpoint = failing(rows)
    assert endpoint.said == [FAILING]
    for _ in range(5):
        endpoint.attempt(Outcome.REJECTED)
    assert endpoint.said == [FAILING, EXHAUSTED], "however long it goes on, and also when what was told went there"
    row = endpoint.row()
    assert row is not None
    assert (row.status, row.failures, row.failing_since, row.last_error) == ("enabled", 8, NOW, "server_error (503)")


def test_and_is_over_when_it_takes_one(rows: DictRows) -> None:
    endpoint = failing(rows)
    endpoint.attempt(Outcome.DELIVERED)
    assert endpoint.said == [FAILING, "resolve: endpoint owner takes deliveries again"]
    assert endpoint.row() is None, "nothing is kept of one that is well"
    endpoint.attempt(Outcome.DELIVERED)
    assert len(endpoint.said) == 2


def test_many_failures_at_once_are_a_hiccup(rows: DictRows) -> None:
    endpoint = Endpoint(rows)
    for _ in range(50):
        endpoint.attempt(Outcome.RETRY_LATER)
    assert endpoint.said == []
    endpoint.attempt(Outcome.DELIVERED)
    assert endpoint.row() is None


def test_what_fails_by_turns_is_not_failing(rows: DictRows) -> None:
    endpoint = Endpoint(rows)
    for minute in range(10):
        endpoint.at = minute * 60
        endpoint.attempt(Outcome.RETRY_LATER)
        endpoint.attempt(Outcome.DELIVERED)
    assert endpoint.said == []


def test_one_that_is_gone_is_told_until_it_is_enabled_and_takes_one(rows: DictRows) -> None:
    endpoint = Endpoint(rows)
    endpoint.attempt(Outcome.REJECTED, Reason.GONE)
    endpoint.attempt(Outcome.REJECTED, Reason.GONE)
    assert endpoint.said == [DISABLED]
    row = endpoint.row()
    assert row is not None
    assert (row.status, row.waiting, row.last_error) == ("disabled", 1, "gone (410)")
    endpoint.command(EndpointCommandKind.ENABLE)
    assert endpoint.said == [DISABLED]
    endpoint.attempt(Outcome.DELIVERED)
    missed = "; 1 delivery died meanwhile, see `tocsin dead list`"
    assert endpoint.said == [DISABLED, f"resolve: endpoint owner takes deliveries again{missed}"]


def test_one_that_fails_and_then_is_gone_ends_both(rows: DictRows) -> None:
    endpoint = failing(rows)
    endpoint.attempt(Outcome.REJECTED, Reason.GONE)
    endpoint.command(EndpointCommandKind.REMOVE)
    assert endpoint.said == [FAILING, DISABLED, *["resolve: endpoint owner was removed"] * 2]


def test_what_a_person_switches_off_is_no_news(rows: DictRows) -> None:
    endpoint = Endpoint(rows)
    endpoint.command(EndpointCommandKind.DISABLE)
    endpoint.at = MINUTE // SECOND
    for _ in range(3):
        endpoint.hear(a_request(f"p{endpoint.at}"))
        endpoint.at += 1
    row = endpoint.row()
    assert row is not None
    assert (endpoint.said, row.waiting) == ([], 3)
    endpoint.command(EndpointCommandKind.ENABLE)
    assert endpoint.row() is None


def test_what_is_told_is_a_case_that_ends(rows: DictRows) -> None:
    endpoint = failing(rows)
    endpoint.attempt(Outcome.DELIVERED)
    ops = {name: Endpoints(name=name, sink="memory", audience="operator") for name in ("ops", "owner")}
    desk = Endpoints(name="desk", sink="memory")
    config = DecideConfig(book=RuleBook(endpoints={"desk": desk, **ops}, default_endpoint="desk"))
    opened, over = [decide(decode(encode(event)), rows, NOW, config) for event in endpoint.events]
    told = {one.event.endpoint for one in opened if isinstance(one.event, DeliveryRequested)}
    assert told == {"desk", "ops", "owner"}, "operators hear of it whatever the route"
    assert "ProblemResolved" in [type(one.event).__name__ for one in over]


def test_what_dies_is_told_at_once_and_then_together(rows: DictRows) -> None:
    endpoint = Endpoint(rows)
    for number in range(500):
        endpoint.attempt(Outcome.REJECTED)
        endpoint.at = number // 250  # a minute is not over
    assert endpoint.said == [EXHAUSTED]
    endpoint.wait(HOUR // SECOND)
    assert endpoint.said == [EXHAUSTED] * 2
    texts = [one.problem.text or "" for one in endpoint.events if isinstance(one, ProblemReported)]
    assert texts[0].startswith("1 delivery for endpoint owner died (rejected).")
    assert texts[1].startswith("499 deliveries for endpoint owner died since the last report of it.")
    endpoint.wait(10 * DAY // SECOND)
    assert endpoint.said == [EXHAUSTED] * 2, "nothing more died"
    endpoint.attempt(Outcome.DELIVERED)
    over = "resolve: endpoint owner takes deliveries again; 500 deliveries died meanwhile, see `tocsin dead list`"
    assert endpoint.said == [EXHAUSTED] * 2 + [over] * 2
    assert endpoint.row() is None


def test_that_it_fails_is_told_also_when_that_deliveries_died_was_told_before(rows: DictRows) -> None:
    endpoint = Endpoint(rows)
    for _ in range(3):
        endpoint.attempt(Outcome.REJECTED)
    endpoint.at = 61
    for _ in range(3):
        endpoint.attempt(Outcome.RETRY_LATER)
    assert endpoint.said == [EXHAUSTED, FAILING]
    endpoint.attempt(Outcome.DELIVERED)
    assert len(endpoint.said) == 4, "both are over"


def test_however_long_it_goes_on_it_is_told_ever_more_rarely(rows: DictRows) -> None:
    endpoint = Endpoint(rows)
    for _ in range(5 * 24 * 6):
        endpoint.attempt(Outcome.REJECTED)
        endpoint.wait(10 * 60)
    assert endpoint.said.count(EXHAUSTED) <= 10, "after 1 h, 2 h, 4 h, 8 h, 16 h, then once a day"


def test_and_at_most_twice_an_hour_when_every_second_dies(rows: DictRows) -> None:
    endpoint = Endpoint(rows)
    for _ in range(240):
        endpoint.attempt(Outcome.REJECTED)
        endpoint.attempt(Outcome.DELIVERED)
        endpoint.wait(60)
    assert endpoint.said.count(EXHAUSTED) <= 5
    assert len(endpoint.said) <= 10


def test_our_own_reports_that_die_are_not_told_of(rows: DictRows) -> None:
    """Else the operators' endpoint, when it is the dead one, would get reports of its reports for ever."""
    endpoint = Endpoint(rows)
    for number in range(20):
        name = f"report{number}"
        endpoint.hear(msgspec.structs.replace(a_request(name), tenant="tocsin"))
        endpoint.hear(msgspec.structs.replace(an_outcome(name, outcome=Outcome.REJECTED), tenant="tocsin"))
    endpoint.wait(DAY // SECOND)
    assert endpoint.said == []


def test_one_that_took_nothing_for_five_days_is_switched_off(rows: DictRows) -> None:
    endpoint = failing(rows)
    endpoint.at = 5 * DAY // SECOND - 1
    endpoint.attempt(Outcome.RETRY_LATER)
    assert endpoint.said == [FAILING]
    endpoint.at += 1
    endpoint.attempt(Outcome.RETRY_LATER)
    assert endpoint.said == [FAILING, DISABLED]
    row = endpoint.row()
    assert row is not None
    assert (row.status, row.last_error) == ("disabled", "server_error (503)")
    text = [one.problem.text for one in endpoint.events if isinstance(one, ProblemReported)][-1]
    assert text is not None
    assert "has taken nothing for 120 h and was switched off" in text
    endpoint.command(EndpointCommandKind.ENABLE)
    endpoint.attempt(Outcome.RETRY_LATER)
    row = endpoint.row()
    assert row is not None
    assert row.status == "enabled", "who enables it gives it the whole time again"


def test_one_that_refuses_all_it_reads_is_failing_and_switched_off_as_well(rows: DictRows) -> None:
    endpoint = Endpoint(rows)
    for at in (0, 30, 61, 5 * DAY // SECOND):
        endpoint.at = at
        endpoint.attempt(Outcome.RETRY_LATER, Reason.CLIENT_ERROR)
    assert endpoint.said == [FAILING, DISABLED]


def test_a_failure_now_and_another_after_five_days_is_not_five_days_of_failure(rows: DictRows) -> None:
    endpoint = Endpoint(rows)
    endpoint.attempt(Outcome.REJECTED)
    endpoint.at = 6 * DAY // SECOND
    endpoint.attempt(Outcome.REJECTED)
    row = endpoint.row()
    assert row is not None
    assert row.status == "enabled"
