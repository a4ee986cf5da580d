"""The section `delivery` of an endpoint: what it becomes, and every finding with its line."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from tests.streams.rulesfile.test_schema import VALIDATOR
from tocsin.streams.processes.live_config import LiveDeliverConfig
from tocsin.streams.rules.config import Subscription
from tocsin.streams.rules.match import Match
from tocsin.streams.rules.policies import DeliveryPolicy
from tocsin.streams.rules.values import DAY, HOUR, MINUTE, SECOND, RateLimit, read_rate
from tocsin.streams.rulesfile import check_rulebook, load_rulebook
from tocsin.streams.rulesfile.document import read_document


def text_of(delivery: str) -> str:
    return f"endpoints:\n  desk:\n    sink: memory\n    delivery: {delivery}\ndefault_route: desk\n"


def policy(folder: Path, delivery: str) -> DeliveryPolicy:
    file = folder / "rules.yaml"
    file.write_text(text_of(delivery))
    assert VALIDATOR.is_valid(read_document(file.read_text())[0])
    return load_rulebook(file, {}).endpoints["desk"].delivery


@pytest.mark.parametrize(
    ("delivery", "expected"),
    [
        pytest.param("{}", DeliveryPolicy(), id="nothing"),
        pytest.param("{rate: 10/s}", DeliveryPolicy(rate=RateLimit(10, SECOND)), id="a rate"),
        pytest.param("{rate: 1000/h, order: none}", DeliveryPolicy(rate=RateLimit(1000, HOUR), order="none"), id="two"),
        pytest.param(
            "{schedule: [0, 5s, 1m], exhausted_after: 2d}",
            DeliveryPolicy(schedule=(0, 5 * SECOND, MINUTE), exhausted_after=2 * DAY),
            id="a schedule",
        ),
        pytest.param("{schedule: [0]}", DeliveryPolicy(schedule=(0,)), id="one attempt"),
        pytest.param("{hold_count: 3, hold_time: 1h}", DeliveryPolicy(hold_count=3, hold_time=HOUR), id="a hold"),
        pytest.param(
            "{breaker_failures: 0, throttle: 0, disabled_after: 0}",
            DeliveryPolicy(breaker_failures=0, throttle=0, disabled_after=0),
            id="all off",
        ),
    ],
)
def test_what_it_becomes(tmp_path: Path, delivery: str, expected: DeliveryPolicy) -> None:
    assert policy(tmp_path, delivery) == expected


RATE = "a rate is a number from 1 to 99999 and /s, /m or /h, such as 10/s or 300/m"


@pytest.mark.parametrize(
    ("delivery", "finding"),
    [
        pytest.param("{rate: 10}", RATE, id="a rate without its time"),
        pytest.param("{rate: 0/s}", RATE, id="no rate at all"),
        pytest.param("{rate: 1.5/s}", RATE, id="half a rate"),
        pytest.param("{rate: 10/d}", RATE, id="a rate by day"),
        pytest.param("{schedule: []}", "delivery.schedule", id="no attempt"),
        pytest.param("{schedule: [5s, 1m]}", "put 0 first", id="a late first attempt"),
        pytest.param("{schedule: [0, soon]}", "a duration is a number and ms, s, m, h or d", id="no duration"),
        pytest.param("{order: lose}", "delivery.order", id="another order"),
        pytest.param("{order: none, hold_count: 5}", "mean nothing with order: none", id="a hold without order"),
        pytest.param("{hold_count: 5001}", "delivery.hold_count", id="too many held"),
        pytest.param("{breaker_probe: 0}", "this duration cannot be 0", id="probes without pause"),
        pytest.param("{retries: 5}", "delivery.retries is not a key that there is", id="another key"),
        pytest.param("{breaker_prob: 10s}", "did you mean breaker_probe?", id="a misspelt key"),
        pytest.param("{retries: 5}", "(expected one of schedule, ", id="another key: those that there are"),
    ],
)
def test_findings(tmp_path: Path, delivery: str, finding: str) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(text_of(delivery))
    (found,) = check_rulebook(file, {})
    assert str(found).startswith(f"{file}:4: ")
    assert finding in str(found)


@pytest.mark.parametrize("value", [None, 10, True, "10/S", "10 / s", "٣/s", "100000/s", "-1/s", "10/s\n"])
def test_no_rates(value: Any) -> None:
    with pytest.raises(ValueError, match="a rate is"):
        read_rate(value)


def test_a_rate_is_written_as_it_is_read() -> None:
    for written in ("1/s", "99999/m", "7/h"):
        assert str(read_rate(written)) == written


def test_a_changed_file_holds_for_the_next_event(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(text_of("{rate: 10/s}"))
    rules = SimpleNamespace(book=load_rulebook(file, {}))
    live = LiveDeliverConfig(rules)
    assert live().policies["desk"].rate == RateLimit(10, SECOND)
    assert live() is live()
    file.write_text(text_of("{breaker_failures: 2}"))
    rules.book = load_rulebook(file, {})
    assert live().policies["desk"] == DeliveryPolicy(breaker_failures=2)


def test_whose_an_endpoint_is(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(text_of("{}"))
    book = load_rulebook(file, {})
    desk = book.endpoints["desk"]
    rules = SimpleNamespace(book=replace(book, endpoints={"desk": desk, "hook": desk}))
    made: tuple[Subscription, ...] = (Subscription(name="hook", tenant="acme", match=Match()),)
    live = LiveDeliverConfig(rules, lambda: made)
    assert live().endpoints == frozenset({"desk", "hook"})
    assert live().of_operators == {"desk"}
    made, rules.book = (), replace(book, endpoints={"desk": desk, "hook": desk})
    assert live().of_operators == {"desk", "hook"}
    assert LiveDeliverConfig(rules)().of_operators == {"desk", "hook"}
