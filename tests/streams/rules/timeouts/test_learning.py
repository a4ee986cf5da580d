"""Time-outs that are learned: per tenant and message type, from replies that came."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.harness.waiting import START, TENANT, Story, config_with
from tocsin.streams.rules.context.threads import MAX_TEXT
from tocsin.streams.rules.policies import TimeoutPolicy
from tocsin.streams.rules.state import ConnectionRow, LatencyRow, row_key
from tocsin.streams.rules.timeouts.learning import LATENCY_TTL
from tocsin.streams.rules.values import DAY, SECOND

if TYPE_CHECKING:
    from tests.streams.rules.conftest import DictRows

ANY = TimeoutPolicy(floor=SECOND, samples=20, waits=0, retries=0)
ASK = TimeoutPolicy(messages=("ask",), floor=SECOND, samples=20, waits=0, retries=0)


def latency(rows: DictRows, message_type: str = "ask", tenant: str = TENANT) -> LatencyRow | None:
    row = rows.get(row_key("latency", tenant, message_type))
    assert row is None or isinstance(row, LatencyRow)
    return row


def learned(rows: DictRows, message_type: str = "ask") -> LatencyRow:
    row = latency(rows, message_type)
    assert row is not None
    return row


def test_twice_what_nearly_all_replies_took(rows: DictRows) -> None:
    story = Story(rows, config_with(ASK)).learn(10, times=20)
    story.play("1000 sent ask", "2000 tick")
    ((at, choice, _),) = story.noticed()
    assert choice == "give_up"
    assert 1020 <= at <= 1022
    (notice,) = story.notices()
    assert notice.learned
    assert notice.expected is not None
    assert 20 * SECOND <= notice.expected <= 22 * SECOND


def test_one_reply_less_is_not_enough(rows: DictRows) -> None:
    story = Story(rows, config_with(ASK)).learn(10, times=19)
    assert story.play("1000 sent ask", "9000 tick").noticed() == []


def test_they_adapt_when_replies_become_slower(rows: DictRows) -> None:
    patient = TimeoutPolicy(messages=("ask",), floor=SECOND, waits=1, retries=0)
    story = Story(rows, config_with(patient)).learn(10, times=20)
    for number in range(5):  # twice as slow: noticed at first, and each late reply teaches
        start = 1000 + 100 * number
        story.play(f"{start} sent ask on slow-{number}", f"{start + 35} reply on slow-{number}")
    assert [choice for _, choice, _ in story.noticed()] == ["wait"]


def test_they_adapt_when_replies_become_faster(rows: DictRows) -> None:
    story = Story(rows, config_with(ASK)).learn(60, times=100).learn(1, times=3000)
    start = story.now // SECOND - START // SECOND
    story.play(f"{start} sent ask", f"{start + 900} tick")
    assert [round(at) - start for at, *_ in story.noticed()] == [2]


def test_a_reply_after_giving_up_still_teaches(rows: DictRows) -> None:
    quick = TimeoutPolicy(messages=("ask",), floor=SECOND, unlearned=SECOND, waits=0, retries=0)
    story = Story(rows, config_with(quick)).play("0 sent ask", "60 reply")
    assert [choice for _, choice, _ in story.noticed()] == ["give_up"]
    assert learned(rows).count == 1


def test_a_reply_to_a_message_that_was_sent_twice_teaches_nothing(rows: DictRows) -> None:
    again = TimeoutPolicy(messages=("ask",), floor=SECOND, unlearned=SECOND)
    Story(rows, config_with(again)).play("0 sent ask", "0.5 sent ask", "1 reply")
    assert latency(rows) is None


def test_a_reply_after_an_outage_teaches_nothing(rows: DictRows) -> None:
    Story(rows, config_with(ASK)).play("0 sent ask", "10 silent until 400", "410 reply")
    assert latency(rows) is None


def test_a_problem_report_teaches_nothing(rows: DictRows) -> None:
    Story(rows, config_with(ASK)).play("0 sent ask", "10 report")
    assert latency(rows) is None


def test_a_connection_that_never_replied_waits_though_the_type_was_learned(rows: DictRows) -> None:
    Story(rows, config_with(ASK)).learn(1, times=20)
    stranger = Story(rows, config_with(ASK), connection="stranger").play("1000 sent ask", "9000 tick")
    assert stranger.noticed() == []
    stranger.play("9000 sent ask", "9100 reply", "9200 sent ask on u", "9999 tick")
    assert [choice for _, choice, _ in stranger.noticed()] == ["give_up"]


def test_replies_over_a_connection_are_counted(rows: DictRows) -> None:
    Story(rows, config_with(ASK)).learn(1, times=3)
    row = rows.get(row_key("connection", TENANT, "lighthouse"))
    assert isinstance(row, ConnectionRow)
    assert row.replies == 3


def test_without_a_connection_what_was_learned_holds(rows: DictRows) -> None:
    story = Story(rows, config_with(ASK), connection=None).learn(1, times=20)
    assert len(story.play("1000 sent ask", "9000 tick").noticed()) == 1


def test_a_type_that_no_rule_names_is_learned_by_watching(rows: DictRows) -> None:
    story = Story(rows, config_with(ANY)).learn(1, times=20, message_type="surprise")
    story.play("1000 sent surprise", "9000 tick")
    assert len(story.noticed()) == 1


def test_what_was_learned_by_watching_is_unlearned_when_no_replies_come(rows: DictRows) -> None:
    story = Story(rows, config_with(ANY)).learn(1, times=20, message_type="chat")
    for number in range(60):
        story.play(f"{1000 + 100 * number} sent chat on talk-{number}")
    assert len(story.noticed()) == 3


def test_what_is_mostly_not_answered_is_never_a_time_out(rows: DictRows) -> None:
    story = Story(rows, config_with(ANY))
    for number in range(60):
        at = 100 * number
        story.play(f"{at} sent chat", f"{at + 1} sent chat", f"{at + 2} reply")
    assert learned(rows, "chat").unanswered == 60
    story.play("9000 sent chat", "9999 tick")
    assert story.noticed() == []


def test_tenants_do_not_learn_from_each_other(rows: DictRows) -> None:
    Story(rows, config_with(ASK)).learn(1, times=20)
    assert latency(rows, tenant="mill") is None


def test_endless_message_types_share_a_row(rows: DictRows) -> None:
    endless = "x" * 10 * MAX_TEXT
    Story(rows, config_with(ANY)).learn(1, times=1, message_type=endless)
    assert learned(rows, "x" * MAX_TEXT).count == 1


def test_forgotten_after_ninety_days_without_use_and_kept_with_it(rows: DictRows) -> None:
    story = Story(rows, config_with(ASK)).learn(1, times=1)
    day = DAY // SECOND
    for number in range(10):
        story.play(f"{(number + 1) * 30 * day} sent ask", f"{(number + 1) * 30 * day + 1} reply")
    assert learned(rows).count == 11
    story.until(300 * day + LATENCY_TTL // SECOND + 2)
    assert latency(rows) is None
