"""The body that an owner receives: golden, deterministic, bounded."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.harness.problem_strategies import problems
from tocsin.schemas.events import ProblemOpened, ProblemRepeated, ThreadContext
from tocsin.schemas.problem import Http, Item, Problem, Severity, Source
from tocsin.streams.rules.notification import (
    MAX_BODY,
    MAX_OVERFLOW_BODY,
    Notice,
    body_of,
    body_of_notice,
    problem_json,
    thread_json,
    timestamp,
)

WHEN = 1_800_000_000_123_456
THREAD = ThreadContext(
    thread_id="t", parents=["p"], depth=1, count=2, first_seen=WHEN - 5_000_000, last_seen=WHEN, codes=["e.p.xfer"]
)
PROBLEM = Problem(
    dialect="didcomm-2.0",
    code="e.p.xfer",
    code_key="e.p.xfer",
    severity=Severity.ERROR,
    thread_id="t",
    text="no way",
    items=[Item(key="1", value="x")],
    noticed_at=WHEN,
    http=Http(status=503),
    source=Source(service="issuer"),
    extensions={"balance": "30", "broken": "{", "deep": "[" * 5000},
)


def a_notice(problem: Problem = PROBLEM, count: int = 1) -> Notice:
    common: dict[str, Any] = {
        "event_id": "00000000-0000-5000-8000-000000000001",
        "tenant": "acme",
        "occurred_at": WHEN,
        "recorded_at": WHEN,
        "case": "00000000-0000-5000-8000-00000000000c",
        "report": "00000000-0000-7000-8000-00000000000a",
        "problem": problem,
        "thread": THREAD,
        "endpoints": ["owner"],
    }
    return ProblemOpened(**common) if count == 1 else ProblemRepeated(**common, count=count)


def test_the_whole_body() -> None:
    body = json.loads(body_of_notice(a_notice(), WHEN, "https://bus.example/"))
    assert body == {
        "type": "problem.opened",
        "timestamp": "2027-01-15T08:00:00.123Z",
        "data": {
            "case": "00000000-0000-5000-8000-00000000000c",
            "count": 1,
            "event_id": "00000000-0000-7000-8000-00000000000a",
            "instance": "urn:uuid:00000000-0000-7000-8000-00000000000a",
            "tenant": "acme",
            "links": {"self": "https://bus.example/v1/problems/00000000-0000-7000-8000-00000000000a"},
            "problem": {
                "dialect": "didcomm-2.0",
                "conformant": True,
                "code": "e.p.xfer",
                "code_key": "e.p.xfer",
                "severity": "error",
                "thread_id": "t",
                "thread_id_derived": False,
                "text": "no way",
                "items": [{"key": "1", "value": "x"}],
                "noticed_at": "2027-01-15T08:00:00.123Z",
                "retry_party": "unknown",
                "http": {"status": 503},
                "source": {"service": "issuer"},
                "extensions": {"balance": 30, "broken": "{", "deep": "[" * 5000},
            },
            "thread": {
                "thread_id": "t",
                "parents": ["p"],
                "depth": 1,
                "count": 2,
                "first_seen": "2027-01-15T07:59:55.123Z",
                "last_seen": "2027-01-15T08:00:00.123Z",
                "codes": ["e.p.xfer"],
            },
        },
    }


def test_a_repeat_says_so() -> None:
    body = json.loads(body_of_notice(a_notice(count=7), WHEN, None))
    assert (body["type"], body["data"]["count"]) == ("problem.repeated", 7)
    assert "links" not in body["data"]


def test_the_same_notice_has_the_same_bytes() -> None:
    turned = msgspec.structs.replace(PROBLEM, localized={"en": "a", "de": "b"})
    turned_round = msgspec.structs.replace(PROBLEM, localized={"de": "b", "en": "a"})
    assert body_of_notice(a_notice(turned), WHEN, None) == body_of_notice(a_notice(turned_round), WHEN, None)


def with_text(length: int) -> Notice:
    return a_notice(msgspec.structs.replace(PROBLEM, extensions={}, text="x" * length))


def test_at_the_limit_and_one_byte_over_it() -> None:
    room = MAX_BODY - len(body_of_notice(with_text(1), WHEN, None)) + 1
    fits = body_of_notice(with_text(room), WHEN, None)
    assert len(fits) == MAX_BODY
    assert "overflow" not in json.loads(fits)["data"]
    over = json.loads(body_of_notice(with_text(room + 1), WHEN, None))["data"]
    assert over["overflow"]["bytes"] == MAX_BODY + 1
    assert over["overflow"]["limit"] == MAX_BODY
    assert "items" in over["overflow"]["omitted"]
    assert over["problem"]["code"] == "e.p.xfer"
    assert over["problem"]["text"].endswith("…")
    assert over["event_id"] == "00000000-0000-7000-8000-00000000000a"


NASTY = st.sampled_from(["\x00", "\U0001f514", "a", '"', "\\"]).map(lambda one: one * 70_000)


@given(text=NASTY, code=NASTY, name=NASTY)
def test_no_overflow_form_is_longer_than_its_bound(text: str, code: str, name: str) -> None:
    members = {
        field.name: name
        for field in msgspec.structs.fields(Problem)
        if field.type in (str | None,) and field.name not in ("text",)
    }
    http = Http(type=name, title=name, status=500, detail=name, instance=name)
    problem = Problem(dialect=name, code=code, text=text, code_key=code, http=http, **members)  # type: ignore[arg-type]
    notice = msgspec.structs.replace(
        a_notice(problem),
        tenant=name,
        thread=msgspec.structs.replace(THREAD, thread_id=name, parents=[name] * 16, codes=[code] * 16),
    )
    body = body_of_notice(notice, WHEN, "https://bus.example")
    assert len(body) <= MAX_OVERFLOW_BODY
    assert json.loads(body)["data"]["overflow"]["bytes"] > MAX_BODY


@pytest.mark.parametrize(
    ("micros", "text"),
    [
        pytest.param(0, "1970-01-01T00:00:00.000Z", id="the epoch"),
        pytest.param(WHEN, "2027-01-15T08:00:00.123Z", id="cut to milliseconds"),
        pytest.param(-1, "1970-01-01T00:00:00.000Z", id="before the epoch"),
        pytest.param(2**62, "9999-12-31T23:59:59.999Z", id="after the year 9999"),
    ],
)
def test_timestamps(micros: int, text: str) -> None:
    assert timestamp(micros) == text


def a_letter(**data: Any) -> dict[str, Any]:
    body = body_of("problem.digest", WHEN, {"case": "c", "event_id": "e", "tenant": "acme"} | data)
    assert len(body) <= MAX_BODY
    found: dict[str, Any] = json.loads(body)
    return found


def test_a_letter_of_another_kind() -> None:
    assert a_letter(count=3) == {
        "type": "problem.digest",
        "timestamp": "2027-01-15T08:00:00.123Z",
        "data": {"case": "c", "event_id": "e", "tenant": "acme", "count": 3},
    }


def test_a_letter_has_the_problem_as_a_notification_has_it() -> None:
    whole = json.loads(body_of_notice(a_notice(), WHEN, None))
    assert a_letter(problem=PROBLEM)["data"]["problem"] == whole["data"]["problem"]


def test_a_letter_that_is_too_long_keeps_what_identifies_the_problem() -> None:
    data = a_letter(problem=msgspec.structs.replace(PROBLEM, fix_hint={"en": "x" * MAX_BODY}), cases=["a"])["data"]
    assert (data["problem"]["code"], data["cases"]) == ("e.p.xfer", ["a"])
    assert data["problem"]["fix_hint"]["en"].endswith("x…")
    assert "problem.items" in data["overflow"]["omitted"]


def test_a_letter_that_is_still_too_long_keeps_plain_values() -> None:
    data = a_letter(problem=PROBLEM, cases=["x" * MAX_BODY], why="x" * MAX_BODY)["data"]
    assert (data["event_id"], len(data["why"])) == ("e", 256)
    assert {"cases", "problem.items"} <= set(data["overflow"]["omitted"])
    assert data["problem"]["code"] == "e.p.xfer"


OF_HTTP = Http(
    type="https://errors.example/credit", title="Out of credit", status=403, detail="x", instance="/records/7"
)


@pytest.mark.parametrize("limit", [4000, 2000], ids=["over the limit", "far over it"])
def test_the_overflow_form_keeps_what_an_rfc_9457_reader_needs(limit: int) -> None:
    problem = msgspec.structs.replace(PROBLEM, http=OF_HTTP, extensions={"a": '"' + "x" * 5000 + '"'})
    for body in (
        body_of_notice(a_notice(problem), WHEN, None, limit),
        body_of("problem.digest", WHEN, {"problem": problem, "cases": ["x" * 3000], "why": "y"}, limit),
    ):
        data = json.loads(body)["data"]
        kept = {"type": OF_HTTP.type, "title": OF_HTTP.title, "status": 403, "instance": OF_HTTP.instance}
        assert (data["problem"]["http"], len(body) <= limit) == (kept, True)
        assert any(name.endswith("http.detail") for name in data["overflow"]["omitted"])


ADDRESS = "https://errors.example/" + "x" * 1000
LARGE = Problem(
    dialect="rfc9457", code=ADDRESS, code_key="k" * 200, message_id="m" * 255, thread_id="t" * 255, text="y" * 70_000,
    http=Http(type=ADDRESS, title="No credit " * 9000, status=402, instance=ADDRESS), who_retries="you",
    fix_hint={"en": "top it up"}, escalation_uri="mailto:ops@example.org", where_party="me", where_place="the ledger",
    noticed_at=WHEN, source=Source(connection="c-1", record_id="rec-7"),
)  # fmt: skip


@pytest.mark.parametrize("limit", [MAX_BODY, 10_000], ids=["of one endpoint", "of a hundred endpoints"])
def test_the_overflow_form_keeps_names_whole_and_what_there_is_room_for(limit: int) -> None:
    for body in (
        body_of_notice(a_notice(LARGE), WHEN, None, limit),
        body_of("escalation.stepped", WHEN, {"problem": LARGE}, limit),
    ):
        problem = json.loads(body)["data"]["problem"]
        http = problem["http"]
        assert (problem["code"], http["type"], http["instance"], http["status"]) == (ADDRESS, ADDRESS, ADDRESS, 402)
        assert (problem["thread_id"], problem["message_id"]) == (LARGE.thread_id, LARGE.message_id)
        assert (http["title"][:9], problem["text"][:3]) == ("No credit", "yyy")
        assert (problem["who_retries"], problem["fix_hint"]) == ("you", {"en": "top it up"})
        assert (problem["escalation_uri"], problem["noticed_at"]) == (LARGE.escalation_uri, timestamp(WHEN))
        assert (problem["where_party"], problem["where_place"]) == ("me", "the ledger")
        assert problem["source"] == {"connection": "c-1", "record_id": "rec-7"}
        assert len(body) <= limit


def test_an_address_is_left_out_and_named_rather_than_cut() -> None:
    endless = msgspec.structs.replace(LARGE, http=Http(status=402, title="No", instance=ADDRESS * 20))
    data = json.loads(body_of_notice(a_notice(endless), WHEN, None))["data"]
    assert data["problem"]["http"] == {"status": 402, "title": "No"}
    assert "http.instance" in data["overflow"]["omitted"]


def test_the_same_letter_has_the_same_bytes() -> None:
    assert body_of("x", WHEN, {"a": 1, "b": 2}) == body_of("x", WHEN, {"b": 2, "a": 1})


def test_the_thread_says_what_is_known_of_it() -> None:
    known = msgspec.structs.replace(THREAD, protocol="issue-credential/2.0", state="offer-sent", effect="ended")
    thread = json.loads(body_of_notice(msgspec.structs.replace(a_notice(), thread=known), WHEN, None))["data"]["thread"]
    assert (thread["protocol"], thread["state"], thread["effect"]) == ("issue-credential/2.0", "offer-sent", "ended")
    assert "role" not in thread


class _Data(msgspec.Struct):
    problem: msgspec.Raw
    thread: msgspec.Raw


class _Body(msgspec.Struct):
    data: _Data


_known = st.none() | st.sampled_from(["", "x", "é"])
_threads = st.builds(
    ThreadContext, thread_id=_known, depth=st.integers(0, 2), count=st.integers(0, 2), codes=st.lists(st.just("e.p")),
    parents=st.lists(st.just("p")), first_seen=st.integers(0, WHEN), last_seen=st.integers(0, WHEN), role=_known,
    found_by=_known, trust=_known, job=_known,
)  # fmt: skip


@given(problems, _threads)
def test_a_notice_says_of_problem_and_thread_what_any_other_notification_does(
    problem: Problem, thread: ThreadContext
) -> None:
    notice = msgspec.structs.replace(a_notice(problem), thread=thread)
    told = msgspec.json.decode(body_of_notice(notice, WHEN, None, limit=1 << 30), type=_Body).data
    deterministic = msgspec.json.Encoder(order="deterministic").encode
    assert bytes(told.problem) == deterministic(problem_json(problem))
    assert bytes(told.thread) == deterministic(thread_json(thread))
