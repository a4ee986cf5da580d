"""What is said of Kafka: by the answers that it gave, with a clock of the test's own."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest
from aiokafka.errors import KafkaConnectionError
from structlog.testing import capture_logs

from tocsin.streams.processes import kafka_watch
from tocsin.streams.processes.kafka_watch import KafkaWatch, Metadata, missing_of

AWAY = "Kafka at k:1 does not answer since 12 s; start it: this goes on by itself"


class Answers:
    """Answers what it was given, one after another, then the last for ever."""

    def __init__(self, *answers: str | Exception | None) -> None:
        self.answers = list(answers)
        self.asked = self.closed = 0

    async def ask(self) -> str | None:
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def close(self) -> None:
        self.closed += 1


def test_it_is_away_from_the_first_question_without_an_answer_until_the_next_answer() -> None:
    watch = KafkaWatch("k:1", Answers(None))
    with capture_logs() as logs:
        assert watch.not_ready(0.0) is None
        watch.unanswered(100.0)
        watch.unanswered(104.0)
        assert watch.not_ready(112.0) == AWAY
        watch.answered(None)
        assert watch.not_ready(113.0) is None
    assert [line["event"] for line in logs] == ["Kafka does not answer", "Kafka answers again"]


def test_what_is_missing_is_logged_once() -> None:
    watch = KafkaWatch("k:1", Answers(None))
    with capture_logs() as logs:
        for _ in range(3):
            watch.answered("topics are missing")
        assert watch.not_ready() == "topics are missing"
        watch.answered(None)
        assert watch.not_ready() is None
    assert len(logs) == 1


async def test_it_goes_on_whatever_the_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_watch, "LOOK_EVERY", 0.0)
    answers = Answers(None, KafkaConnectionError("gone"), OSError(), TimeoutError(), None)
    watch = KafkaWatch("k:1", answers)
    with capture_logs() as logs:
        watching = asyncio.create_task(watch.run())
        async with asyncio.timeout(60):
            while answers.asked < 7:  # noqa: ASYNC110
                await asyncio.sleep(0)
        watching.cancel()
        await asyncio.wait({watching})
    assert answers.closed == 4  # after each failure, and at the end
    assert [line["event"] for line in logs] == ["Kafka does not answer", "Kafka answers again"]


TOPICS: dict[str, tuple[Mapping[str, Mapping[int, bool] | None], str | None]] = {
    "all there": ({"a": {0: True}, "b": {0: True}}, None),
    "a topic is missing": ({"a": {0: False}, "b": None}, "topics are missing: b; run: tocsin topics apply"),
    "a partition has no leader": ({"a": {0: True, 3: False}}, "partition 3 of a: no broker leads it now"),
    "many have none": (
        {"a": dict.fromkeys(range(5), False)}, "partition 0 of a, partition 1 of a, partition 2 of a and 2 more: "
    ),
}  # fmt: skip


@pytest.mark.parametrize(("topics", "reason"), TOPICS.values(), ids=TOPICS)
def test_what_is_missing(topics: Mapping[str, Mapping[int, bool] | None], reason: str | None) -> None:
    found = missing_of(topics)
    assert found is None if reason is None else str(found).startswith(reason)


async def test_nobody_listens() -> None:
    with pytest.raises(OSError, match="nobody listens"):
        await Metadata("127.0.0.1:1", ["t"]).ask()


async def test_a_real_kafka(bootstrap: str, prefix: str) -> None:
    metadata = Metadata(bootstrap, [f"{prefix}none"])
    for _ in range(2):  # the second time on the same connection
        assert f"topics are missing: {prefix}none" in str(await metadata.ask())
    await metadata.close()
