"""What holds for each sink that there is, ours and one of another package, and that none is forgotten.

The checks are those that we ship, `tocsin.connectors.conformance`; here each meets each sink. A new sink needs its
other side in `counterparts/`, a class as `conformance.Counterpart` says, and its row in COUNTERPARTS.
"""

from __future__ import annotations

import asyncio
import inspect
import pkgutil
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.connectors.sinks.counterparts.didcomm import Agent
from tests.connectors.sinks.counterparts.log import Pipe
from tests.connectors.sinks.counterparts.memory import List
from tests.connectors.sinks.counterparts.notify import Chat
from tests.connectors.sinks.counterparts.pigeon import Loft, install
from tests.connectors.sinks.counterparts.webhook import Receiver
from tocsin.connectors import sinks
from tocsin.connectors.conformance import CHECKS, Counterpart
from tocsin.connectors.conformance.checks import any_attempt_ends
from tocsin.connectors.sections import file_model
from tocsin.connectors.sinks import (
    SINKS,
    Delivered,
    RetryLater,
    Sink,
    SinkMisconfigured,
    make_sink,
    sink_class,
    sink_kinds,
)
from tocsin.connectors.sinks.base import Reason
from tocsin.schemas.events import DeliveryAttempt
from tocsin.streams.rulesfile.endpoints import endpoint_model

COUNTERPARTS: dict[str, type[Counterpart]] = {
    "didcomm": Agent,
    "log": Pipe,
    "memory": List,
    "notify": Chat,
    "pigeon": Loft,
    "webhook": Receiver,
}
"""The other side of each kind of sink."""

KINDS = (*sink_kinds(), "pigeon")


def attempt(**changes: Any) -> DeliveryAttempt:
    fields: dict[str, Any] = {
        "event_id": "e", "tenant": "t", "occurred_at": 1, "recorded_at": 1, "delivery_id": "d-1", "endpoint": "ep",
        "attempt": 1, "about": "e0", "content_type": "application/json", "body": b"{}",
    }  # fmt: skip
    return DeliveryAttempt(**(fields | changes))


@pytest.fixture(autouse=True)
def _pigeon_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "pigeon", raising=False)
    monkeypatch.syspath_prepend(install(tmp_path / "site"))


def counterpart(kind: str) -> Counterpart:
    if kind not in COUNTERPARTS:
        pytest.fail(f"the sink {kind} has no other side in COUNTERPARTS of {Path(__file__).name}")
    return COUNTERPARTS[kind]()


def test_no_sink_is_forgotten() -> None:
    assert set(sink_kinds()) == COUNTERPARTS.keys()
    assert all(one().kind == kind for kind, one in COUNTERPARTS.items())
    sources = {module.name for module in pkgutil.iter_modules(sinks.__path__, f"{sinks.__name__}.")}
    with_a_sink = {
        name
        for name in sources
        if any(
            inspect.isclass(each) and each is not Sink and "deliver" in vars(each) and each.__module__ == name
            for each in vars(import_module(name)).values()
        )
    }
    assert with_a_sink == {sink.partition(":")[0] for sink in SINKS.values()}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("check", CHECKS)
async def test_conforms(check: str, kind: str) -> None:
    async with counterpart(kind) as other:
        await CHECKS[check](other)


TEXTS = st.text(max_size=200) | st.text("\r\n\0: \ud800\u2028", max_size=20)
ATTEMPTS = st.fixed_dictionaries(
    {},
    optional={
        "delivery_id": TEXTS,
        "content_type": TEXTS | st.sampled_from(["application/json", "text/plain; charset=utf-8"]),
        "body": st.binary(max_size=5000) | st.text(max_size=500).map(lambda text: text.encode("utf-8", "replace")),
        "attempt": st.integers(-(2**31), 2**31 - 1),
        "replay": st.integers(-(2**31), 2**31 - 1),
        "occurred_at": st.integers(-(2**63), 2**63 - 1),
        "recorded_at": st.integers(-(2**63), 2**63 - 1),
        "lane": st.none() | TEXTS,
        "traceparent": st.none() | TEXTS,
        "tracestate": st.none() | TEXTS,
        "peer": st.none() | TEXTS,
        "own": st.none() | TEXTS,
        "connection": st.none() | TEXTS,
    },
)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(odd=st.lists(ATTEMPTS, min_size=1, max_size=15))
def test_any_attempt_has_an_outcome(kind: str, odd: list[dict[str, Any]]) -> None:
    async def check() -> None:
        async with counterpart(kind) as other:
            await any_attempt_ends(other, {str(number): changes for number, changes in enumerate(odd)})

    asyncio.run(check())


@pytest.mark.parametrize("kind", KINDS)
def test_the_schema_of_the_rules_file_shows_and_explains_each_setting(kind: str) -> None:
    models = file_model(sink_class(kind).Config), endpoint_model(kind)
    own, shown = (model.model_json_schema()["properties"] for model in models)
    assert own.items() < shown.items()
    assert [name for name, said in own.items() if not said.get("description")] == [], "it is a string in Annotated"


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(SinkMisconfigured, match=f"there are {', '.join(sorted(sink_kinds()))}"):
        make_sink("dove", {})


async def test_the_memory_sink_answers_what_is_lined_up() -> None:
    from tocsin.connectors.sinks.memory import MemorySink

    async with MemorySink() as sink:
        sink.answers.append(RetryLater(reason=Reason.RATE_LIMITED))
        first, second = await sink.deliver(attempt()), await sink.deliver(attempt(delivery_id="d-2"))
    assert (first, second) == (RetryLater(reason=Reason.RATE_LIMITED), Delivered())
    assert sink.delivery_ids == ["d-1", "d-2"]
