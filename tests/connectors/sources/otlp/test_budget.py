"""Small exports that would cost much: what they may cost is counted before the work, and what is beyond is rejected."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.connectors.sources.otlp.test_bounds import field, read
from tests.harness.otlp_exports import as_json, exception, log, logs, pairs, span, traces
from tocsin.connectors.dialects import Unreadable, UnreadableReason
from tocsin.connectors.sources.otlp import JSON, TRACES, bounds, occurrence, reading, values
from tocsin.connectors.sources.otlp.bounds import (
    MAX_DRAWN,
    MAX_EXCEPTIONS,
    MAX_FIELDS,
    MAX_PROBLEMS,
    MAX_TOLD,
    MAX_VALUES,
)

BIG = {f"k{number}": "v" * 250 for number in range(800)}
"""A resource of 200 kB, which gzip makes two of."""


def test_fields_that_are_skipped_are_counted() -> None:
    record = field(1, field(2, field(2, log().SerializeToString())))
    assert len(read(record + b"\x78\x00" * (MAX_FIELDS - 3)).events) == 1
    with pytest.raises(Unreadable) as refused:
        read(record + b"\x78\x00" * (MAX_FIELDS - 2))
    assert refused.value.reason is UnreadableReason.TOO_LARGE
    with pytest.raises(Unreadable):
        read(field(1, b"\x78\x00" * MAX_FIELDS))


def test_as_many_problems_as_are_allowed_and_the_rest_is_rejected_and_counted() -> None:
    errors = [log(time_unix_nano=number + 1) for number in range(MAX_PROBLEMS + 7)]
    export = read(logs(*errors, log(severity_number=9)).SerializeToString())
    assert len(export.events) == MAX_PROBLEMS
    assert export.counts == {"log_error": MAX_PROBLEMS, "rejected": 7, "log": 1}
    assert list(export.whys) == [f"a log: expected at most {MAX_PROBLEMS} problems in one export"]


def test_of_a_span_all_exceptions_are_taken_or_none() -> None:
    spans = [span(*[exception()] * MAX_EXCEPTIONS, trace_id=bytes([number] * 16)) for number in range(1, 10)]
    export = read(traces(*spans).SerializeToString(), signal=TRACES)
    whole = MAX_PROBLEMS // MAX_EXCEPTIONS
    assert (export.counts, len(export.events)) == ({"span_exception": whole, "rejected": 9 - whole}, whole)


def test_a_resource_that_many_share_is_digested_once_and_counted_for_each(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    digest = occurrence.digest

    def counted(told: object) -> str:
        sizes.append(len(msgspec.json.encode(told)))
        return digest(told)

    monkeypatch.setattr(occurrence, "digest", counted)
    monkeypatch.setattr("tocsin.connectors.sources.otlp.problem.digest", counted)
    errors = [log(time_unix_nano=number + 1) for number in range(500)]
    export = read(logs(*errors, resource=BIG).SerializeToString())
    taken = export.counts["log_error"]
    assert 100 < taken < MAX_DRAWN // 200_000
    assert export.counts["rejected"] == 500 - taken
    assert [size > 1000 for size in sizes] == [True] + [False] * taken


def test_the_same_record_of_two_resources_is_two_problems() -> None:
    both = logs(log()).SerializeToString() + logs(log(), resource={"service.name": "other"}).SerializeToString()
    assert len(read(both + both).events) == 2


def test_what_all_problems_say_together_is_bounded() -> None:
    long = {"exception.stacktrace": "\x01" * 16_000}
    export = read(logs(*(log(said=long, time_unix_nano=number + 1) for number in range(120))).SerializeToString())
    assert sum(len(msgspec.json.encode(event)) for event in export.events.values()) <= MAX_TOLD
    assert 0 < export.rejected < 120


def test_a_resource_that_cannot_be_read_is_tried_once_for_a_scope(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[Any] = []
    read_attributes = values.plain_attributes

    def counted(attributes: Any, budget: bounds.Budget) -> dict[str, Any]:
        tried.append(attributes)
        return read_attributes(attributes, budget)

    monkeypatch.setattr(reading, "plain_attributes", counted)
    many = {f"k{number}": "" for number in range(bounds.MAX_ATTRIBUTES + 1)}
    broken = logs(*[log()] * 50, resource=many).SerializeToString()
    assert read(broken + logs(log()).SerializeToString()).counts == {"log_error": 51}
    assert len(tried) == 2


def test_attributes_and_values_are_counted_in_both_forms() -> None:
    nested: Any = [[[""] * 200] * 200]
    export = logs(*[log(nested)] * 12)
    assert read(export.SerializeToString()).counts == {"log_error": MAX_VALUES // 40_200, "rejected": 3}
    assert 0 < read(as_json(logs(*[log([[""] * 100] * 100)] * 10)), JSON).rejected < 10
    looked = log(severity_number=9)
    looked.attributes.extend(pairs(dict.fromkeys(map(str, range(999)), "")))
    assert read(logs(*[looked] * 410).SerializeToString()).counts == {"log": 400, "rejected": 10}
