"""Who waits for an answer hears it; what is remembered has a bound; what cannot be read keeps nobody from the rest."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from tocsin.schemas.codec import encode
from tocsin.schemas.events import CommandAnswered, CommandOutcome, Tick
from tocsin.schemas.schema_book import SchemaBook
from tocsin.streams.processes import answers_topic
from tocsin.streams.processes.answers_topic import AnswersTopic


def a_record(command: str, outcome: str = "done") -> Any:
    answer = CommandAnswered(
        event_id=f"a of {command}", tenant="acme", occurred_at=1, recorded_at=1, command=command, kind="resolve",
        target="r", by="ann", outcome=CommandOutcome(outcome),
    )  # fmt: skip
    return SimpleNamespace(value=encode(answer))


@pytest.fixture
def topic() -> AnswersTopic:
    return AnswersTopic("127.0.0.1:1", "t.", SchemaBook())


async def test_all_who_wait_for_a_command_hear_its_answer_and_no_other(topic: AnswersTopic) -> None:
    waiting = [asyncio.create_task(topic.answer("c1", 60.0)) for _ in range(2)]
    other = asyncio.create_task(topic.answer("c2", 0.05))
    await asyncio.sleep(0)
    tick = Tick(event_id="t", tenant="tocsin", occurred_at=1, recorded_at=1, partition=0)
    foreign = [SimpleNamespace(value=each) for each in (None, b"", b"\x00\x00\x00\xff\xff?", encode(tick))]
    topic._hear([*foreign, a_record("c1")])
    assert [one.command for one in await asyncio.gather(*waiting) if one] == ["c1", "c1"]
    assert await other is None
    assert not topic._waiting, "nobody is waited for any more"


async def test_an_answer_that_came_before_is_known_and_the_last_one_stands(topic: AnswersTopic) -> None:
    topic._hear([a_record("c1", "kept"), a_record("c1", "done")])
    answer = await topic.answer("c1", 60.0)
    assert answer is not None
    assert answer.outcome is CommandOutcome.DONE
    assert topic.latest("c2") is None


def test_what_is_remembered_has_a_bound(topic: AnswersTopic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers_topic, "REMEMBERED", 3)
    topic._hear([a_record(f"c{number}") for number in range(5)] + [a_record("c2")])
    assert [topic.latest(f"c{number}") is not None for number in range(5)] == [False, False, True, True, True]
