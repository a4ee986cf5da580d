"""Into which topic a letter may be written again: by its stage and what it holds. Whoever may write to `dead` may forge
one, and who replays it may write everywhere."""

from __future__ import annotations

from typing import Any

import pytest

from tests.connectors.subscribe.events import opened
from tests.streams.cli.dead.letters import REPORT, REQUEST, died, record_of
from tocsin.connectors.subscribe.reading import FOR_GROUP
from tocsin.schemas.codec import encode
from tocsin.schemas.events import (
    CommandAnswered,
    CommandOutcome,
    DeliveryAttempt,
    SchemaInUse,
    SilenceSet,
)
from tocsin.streams.processes.dead.letter import Opened
from tocsin.streams.processes.dead.origins import STAGES
from tocsin.streams.processes.dead.replaying import refusals
from tocsin.streams.settings import Settings
from tocsin.streams.topology import TOPICS

BASE: dict[str, Any] = {"event_id": "e", "tenant": "acme", "occurred_at": 1, "recorded_at": 1}
SILENCE = encode(SilenceSet(**BASE, silence="s", matchers=[], starts_at=1, ends_at=2, by="mallory"))
SCHEMA = encode(SchemaInUse(**BASE, schema_id=1999, subject="x", schema="{}", process="p"))
ANSWER = encode(
    CommandAnswered(**BASE, command="c", kind="resolve", target="t", by="mallory", outcome=CommandOutcome.DONE)
)
OPENED = encode(opened())
ATTEMPT = encode(
    DeliveryAttempt(
        **BASE, delivery_id="d", endpoint="owner", attempt=1, about="r", content_type="application/json", body=b"{}"
    )
)


def refusal(stage: str, topic: str, value: bytes, group: bytes | None = None) -> str | None:
    own = [] if group is None else [(FOR_GROUP, group)]
    return refusals(Settings(prefix="tocsin."))(Opened(record_of([*own, *died("why", stage, topic)], value)))


# stage, topic, value, group
GENUINE: dict[str, tuple[str, str, bytes, bytes | None]] = {
    "a report, by the rules": ("decide", "tocsin.inbox", REPORT, None),
    "a report, by the decoder of an older release": ("decode", "tocsin.inbox", REPORT, None),
    "a report that was let go": ("skip", "tocsin.inbox", REPORT, None),
    "a report for another partition": ("forward", "tocsin.inbox", REPORT, None),
    "a report that could not be written": ("write", "tocsin.inbox", REPORT, None),
    "a report, by a rule that raised": ("fold", "tocsin.inbox", REPORT, None),
    "a request": ("deliver", "tocsin.deliveries", REQUEST, None),
    "a request, by the decoder": ("decode", "tocsin.deliveries", REQUEST, None),
    "an attempt": ("dispatch", "tocsin.attempts", ATTEMPT, None),
    "an attempt that was let go": ("skip", "tocsin.attempts", ATTEMPT, None),
    "an output that its topic refused": ("produce", "tocsin.problems", OPENED, None),
    "a request that its topic refused": ("produce", "tocsin.deliveries", REQUEST, None),
    "what a subscriber put aside": ("subscriber", "tocsin.problems", OPENED, b"billing"),
}


@pytest.mark.parametrize(("stage", "topic", "value", "group"), GENUINE.values(), ids=list(GENUINE))
def test_a_letter_of_ours_goes_where_it_came_from(stage: str, topic: str, value: bytes, group: bytes | None) -> None:
    assert refusal(stage, topic, value, group) is None


# stage, topic, value, group, why it is refused
FORGED: dict[str, tuple[str, str, bytes, bytes | None, str]] = {
    "a silence": ("deliver", "tocsin.settings", SILENCE, None, "never written into that topic"),
    "a silence, as an output": ("produce", "tocsin.settings", SILENCE, None, "never written into that topic"),
    "a row of decide": ("decide", "tocsin.decide-changelog", b"row", None, "never written into that topic"),
    "a row of deliver": ("deliver", "tocsin.deliver-changelog", b"row", None, "never written into that topic"),
    "an answer": ("produce", "tocsin.answers", ANSWER, None, "never written into that topic"),
    "an answer for a subscriber": ("subscriber", "tocsin.answers", ANSWER, b"g", "never written into that topic"),
    "a letter": ("decide", "tocsin.dead", REPORT, None, "never written into that topic"),
    "of another bus": ("decide", "other.inbox", REPORT, None, "which of our topics"),
    "of another bus below our prefix": ("decide", "tocsin.b.inbox", REPORT, None, "which of our topics"),
    "of a topic without the prefix": ("decide", "inbox", REPORT, None, "which of our topics"),
    "a request, by decide": ("decide", "tocsin.deliveries", REQUEST, None, "no letter of its stage"),
    "an attempt, by deliver": ("deliver", "tocsin.attempts", ATTEMPT, None, "no letter of its stage"),
    "a problem, by decide": ("decide", "tocsin.problems", OPENED, None, "no letter of its stage"),
    "a report, by a subscriber": ("subscriber", "tocsin.inbox", REPORT, b"g", "no letter of its stage"),
    "of no stage": ("", "tocsin.inbox", REPORT, None, "no letter of its stage"),
    "of a stage that there is not": ("evil", "tocsin.inbox", REPORT, None, "no letter of its stage"),
    "a silence on inbox": ("decide", "tocsin.inbox", SILENCE, None, "SilenceSet does not belong on inbox"),
    "a schema on problems": ("subscriber", "tocsin.problems", SCHEMA, b"g", "SchemaInUse does not belong on problems"),
    "an attempt on deliveries": ("deliver", "tocsin.deliveries", ATTEMPT, None, "does not belong on deliveries"),
    "a request on attempts": ("dispatch", "tocsin.attempts", REQUEST, None, "does not belong on attempts"),
    "a problem for every group": ("subscriber", "tocsin.problems", OPENED, None, "of which group"),
}


@pytest.mark.parametrize(("stage", "topic", "value", "group", "why"), FORGED.values(), ids=list(FORGED))
def test_a_forged_letter_is_refused(stage: str, topic: str, value: bytes, group: bytes | None, why: str) -> None:
    assert why in (refusal(stage, topic, value, group) or "")


def test_also_what_this_release_cannot_read_goes_to_no_other_topic() -> None:
    letter = Opened(record_of(died("why", "deliver", "tocsin.settings"), b"\x01"))
    assert "never written" in (refusals(Settings(prefix="tocsin."), even_unreadable=True)(letter) or "")


def test_every_topic_of_the_table_is_on_the_map() -> None:
    topics = {topic for topics in STAGES.values() for topic in topics}
    assert topics <= {spec.name for spec in TOPICS}
    assert not topics & {"settings", "dead", "answers", "decide-changelog", "deliver-changelog"}
