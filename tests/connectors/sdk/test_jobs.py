"""Jobs: started, come to something, finished, or failed, and what failed is raised on."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from tests.connectors.sdk.conftest import Memory
from tocsin.connectors import sdk
from tocsin.connectors.jobs import job
from tocsin.connectors.publish import exception_codes
from tocsin.schemas.events import ActivityObserved, ProblemReported
from tocsin.schemas.problem import MAX_RETRIES


class Torn(Exception):
    """A page is."""


def story(memory: Memory) -> list[tuple[Any, ...]]:
    """What was published: kind, job and state or outcome of activities; code of problems."""
    told: list[tuple[Any, ...]] = []
    for event in memory.flushed():
        if isinstance(event, ActivityObserved):
            told.append((str(event.kind), event.job, event.record_state or event.detail.get("outcome")))
        elif isinstance(event, ProblemReported):
            told.append(("problem", event.problem.source.job, event.problem.code))
    return told


STARTED, DONE = ("job_started", "nightly", None), ("job_finished", "nightly", "done")
FAILED = [STARTED, ("problem", "nightly", "e.p.me.torn"), ("job_finished", "nightly", "failed")]


def test_a_function(memory: Memory) -> None:
    @job
    def nightly(page: int) -> int:
        """Its own words."""
        return page + 1

    assert nightly(1) == 2, "before init it is just the function"
    sdk.init("k:1")
    assert nightly(page=2) == 3
    assert (nightly.__name__, nightly.__doc__) == ("nightly", "Its own words.")
    assert story(memory) == [STARTED, DONE]


def test_a_function_that_fails(memory: Memory) -> None:
    @job("nightly")
    def work() -> None:
        raise Torn("page 7")

    sdk.init("k:1", service="ledger")
    with pytest.raises(Torn, match="page 7") as raised:
        work()
    assert sdk.capture(raised.value), "captured already"
    assert story(memory) == FAILED
    [event] = [event for event in memory.events if isinstance(event, ProblemReported)]
    http = event.problem.http
    assert http is not None
    assert (http.type, http.title, http.status, http.detail) == ("error:ledger:Torn", "Torn", 500, "page 7")
    assert http.instance is not None
    assert http.instance.startswith("error:instance:")


async def test_an_async_function(memory: Memory) -> None:
    @job("nightly")
    async def work(fails: bool) -> int:
        await asyncio.sleep(0)
        if fails:
            raise Torn
        return 7

    sdk.init("k:1")
    assert await work(False) == 7
    with pytest.raises(Torn):
        await work(True)
    assert await asyncio.to_thread(story, memory) == [STARTED, DONE, *FAILED]


async def test_many_runs_at_the_same_time(memory: Memory) -> None:
    @job("nightly")
    async def work(number: int) -> None:
        await asyncio.sleep(0.001 * (number % 3))
        raise Torn(str(number))

    sdk.init("k:1")
    await asyncio.gather(*(work(number) for number in range(20)), return_exceptions=True)
    assert len(await asyncio.to_thread(story, memory)) == 60
    runs: dict[str, list[str]] = {}
    for event in memory.events:
        run = event.detail["run"] if isinstance(event, ActivityObserved) else next(
            item.value for item in event.problem.items if item.key == "run"  # type: ignore[union-attr]
        )  # fmt: skip
        runs.setdefault(run, []).append(type(event).__name__)
    assert list(runs.values()) == [["ActivityObserved", "ProblemReported", "ActivityObserved"]] * 20


def test_a_block(memory: Memory) -> None:
    sdk.init("k:1")
    with job("nightly", record_id="r-1", record_type="ledger") as run:
        run.progress("half", done=5, of=10)
        sdk.capture(ValueError("on the way"))
    assert story(memory) == [
        STARTED, ("record_changed", "nightly", "half"), ("problem", "nightly", "e.p.me.value-error"), DONE,
    ]  # fmt: skip
    half, problem = memory.events[1], memory.events[2]
    assert isinstance(half, ActivityObserved)
    assert isinstance(problem, ProblemReported)
    assert half.detail == {"run": run.id, "done": "5", "of": "10"}
    assert (problem.problem.source.record_id, problem.problem.source.record_type) == ("r-1", "ledger")
    sdk.capture(ValueError("afterwards"))
    assert story(memory)[-1] == ("problem", None, "e.p.me.value-error")


# attempt and attempts; how it ends, what is told
RETRIES: dict[str, tuple[int | None, int | None, str, tuple[str, str, str | None] | None]] = {
    "not counted": (None, None, "failed", ("e.p.me.torn", "unknown", None)),
    "the first of three": (1, 3, "retrying", None),
    "the last of three": (3, 3, "failed", (MAX_RETRIES, "none", "3 of 3")),
    "one too many": (4, 3, "failed", (MAX_RETRIES, "none", "4 of 3")),
    "without an end": (7, None, "failed", ("e.p.me.torn", "unknown", "7")),
}


@pytest.mark.parametrize(("attempt", "attempts", "outcome", "told"), RETRIES.values(), ids=list(RETRIES))
def test_retries_are_counted(memory: Memory, attempt: Any, attempts: Any, outcome: str, told: Any) -> None:
    sdk.init("k:1")
    with pytest.raises(Torn), job("nightly", attempt=attempt, attempts=attempts):
        raise Torn
    assert story(memory)[-1] == ("job_finished", "nightly", outcome)
    assert [said_of(event) for event in memory.events if isinstance(event, ProblemReported)] == [told][
        : told is not None
    ]


def said_of(event: ProblemReported) -> tuple[str, str, str | None]:
    """Code, who retries, and which attempt it was."""
    attempt = next((item.value for item in event.problem.items if item.key == "attempt"), None)
    return event.problem.code, str(event.problem.retry_party), attempt


def test_a_failure_with_attempts_left_is_told_by_choice(memory: Memory) -> None:
    sdk.init("k:1")
    with pytest.raises(Torn), job("nightly", attempt=1, attempts=3, tell_retries=True):
        raise Torn
    assert story(memory) == [
        STARTED,
        ("record_changed", "nightly", "retrying"),
        ("problem", "nightly", "e.p.me.torn"),
        ("job_finished", "nightly", "retrying"),
    ]
    [event] = [event for event in memory.events if isinstance(event, ProblemReported)]
    assert said_of(event) == ("e.p.me.torn", "reporter", "1 of 3")


def test_a_code_of_ones_own_is_told_when_nobody_tries_again(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exception_codes, "_CODES", {Torn: "e.p.me.res.storage"})
    sdk.init("k:1")
    with pytest.raises(Torn), job("nightly", attempt=3, attempts=3):
        raise Torn
    assert story(memory)[1] == ("problem", "nightly", "e.p.me.res.storage")


@pytest.mark.parametrize("ending", [KeyboardInterrupt, SystemExit, asyncio.CancelledError, GeneratorExit])
def test_what_is_ended_from_outside_has_not_failed(memory: Memory, ending: type[BaseException]) -> None:
    sdk.init("k:1")
    with pytest.raises(ending), job("nightly"):
        raise ending
    assert story(memory) == [STARTED, ("job_finished", "nightly", "cancelled")]


def test_a_bus_that_fails_does_not_reach_the_job(memory: Memory) -> None:
    sdk.init("k:1")
    memory.failure = RuntimeError("a fault of the bus")
    with job("nightly") as run:
        run.progress("half")
    with pytest.raises(Torn), job("nightly", nonsense="x"):
        raise Torn
    assert memory.flushed() == []


class Hostile:
    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


# how a job is begun, and what it says of itself
CLUMSY: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "a detail that fails": ({}, {"done": Hostile()}),
    "a context that fails": ({"record_id": Hostile()}, {}),
    "a name twice": ({"job": "another"}, {}),
    "a context that there is not": ({"recrod_id": "r"}, {}),
    "a context that can be none": ({"record_id": "a\nb"}, {}),
    "texts for numbers": ({"attempt": 2, "attempts": "2"}, {}),
    "no numbers": ({"attempt": "first", "attempts": 2}, {}),
}


@pytest.mark.parametrize(("begun", "said"), CLUMSY.values(), ids=list(CLUMSY))
def test_a_job_that_is_told_clumsily_runs_and_is_told(
    memory: Memory, begun: dict[str, Any], said: dict[str, Any]
) -> None:
    sdk.init("k:1")

    def work() -> None:
        with job("nightly", **begun) as run:
            run.progress("half", **said)
            raise Torn

    with pytest.raises(Torn):
        work()
    kinds = [one[:2] for one in story(memory)]
    assert kinds == [
        ("job_started", "nightly"),
        ("record_changed", "nightly"),
        ("problem", "nightly"),
        ("job_finished", "nightly"),
    ]


async def test_one_job_may_stand_around_several_blocks_at_a_time(memory: Memory) -> None:
    async def work(until: asyncio.Event, fails: bool) -> None:
        with nightly:
            await until.wait()
            if fails:
                raise Torn

    sdk.init("k:1")
    nightly, first, second = job("nightly"), asyncio.Event(), asyncio.Event()
    one, other = asyncio.create_task(work(first, True)), asyncio.create_task(work(second, False))
    await asyncio.sleep(0)
    first.set()
    with pytest.raises(Torn):
        await one
    second.set()
    await other
    assert len(await asyncio.to_thread(story, memory)) == 5
    activities = [event.detail for event in memory.events if isinstance(event, ActivityObserved)]
    begun = [detail["run"] for detail in activities if "outcome" not in detail]
    ended = [(detail["run"], detail["outcome"]) for detail in activities if "outcome" in detail]
    assert ended == [(begun[0], "failed"), (begun[1], "done")]


def test_a_block_in_a_generator_may_end_in_another_context(memory: Memory) -> None:
    """As where a framework runs one in threads of a pool, each step with a copy of the context."""

    def steps() -> Iterator[int]:
        with job("nightly"), sdk.within(record_id="r"), sdk.traced("00-" + "1" * 32 + "-" + "2" * 16 + "-01"):
            yield 1

    sdk.init("k:1")
    generator = steps()
    contextvars.copy_context().run(next, generator)
    contextvars.copy_context().run(next, generator, None)
    assert story(memory) == [STARTED, DONE]


async def test_an_object_that_is_called_like_an_async_function(memory: Memory) -> None:
    class Work:
        async def __call__(self) -> None:
            await asyncio.sleep(0)
            raise Torn

    sdk.init("k:1")
    with pytest.raises(Torn):
        await job("nightly")(Work())()
    assert await asyncio.to_thread(story, memory) == FAILED


@pytest.mark.parametrize("kind", [staticmethod, classmethod])
def test_what_is_no_function_yet(kind: Any) -> None:
    with pytest.raises(TypeError, match=f"below @{kind.__name__}"):
        job("nightly")(kind(lambda *_: None))
    with pytest.raises(TypeError, match="below"):
        job(kind(lambda *_: None))


def test_generators_have_no_end() -> None:
    def numbers() -> Iterator[int]:
        yield 1

    async def more() -> AsyncIterator[int]:
        yield 1

    for generator in (numbers, more):
        with pytest.raises(TypeError, match="is a generator"):
            job("nightly")(generator)
