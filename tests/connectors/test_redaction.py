"""Secrets in events: what is taken out, what is not, and that it is gone wherever an event goes."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.harness.canaries import CANARIES, JWT, SECRETS
from tests.harness.problem_strategies import problems
from tocsin.connectors.dialects import Unreadable
from tocsin.connectors.publish import MemoryPublisher, problem, problem_reported
from tocsin.connectors.publish.reporting import Origin
from tocsin.connectors.redaction import (
    Redaction,
    gone_through,
    might_hold_secret,
    redact_and_encode,
    redact_text,
    redact_value,
    redacted,
)
from tocsin.connectors.secret_shapes import NAME_ENDINGS, WHOLE_NAMES
from tocsin.schemas.codec import encode
from tocsin.schemas.events import ActivityKind, ActivityObserved, CommandIssued, CommandKind, ProblemReported
from tocsin.schemas.problem import Item, Problem

JWTS = {
    "in the middle of a word": (f"a_{JWT}", "a_[redacted JWT]"),
    "behind a digit and what begins like one": (f"7eyJ-{JWT} 1", "7[redacted JWT] 1"),
    "behind a letter: a word": (f"a{JWT}"[:10], f"a{JWT}"[:10]),
    "behind a host": (f"a.b.{JWT}", "a.b.[redacted JWT]"),
}


@pytest.mark.parametrize("row", JWTS)
def test_where_a_jwt_begins(row: str) -> None:
    text, found = JWTS[row]
    assert redact_text(text) == found


SHOWN = {"url": "https://user:***@internal.example/x", "form": "user=a&password=[redacted value]&x=1"}


@pytest.mark.parametrize("name", CANARIES)
def test_a_secret_in_a_sentence_is_taken_out_and_the_sentence_stays(name: str) -> None:
    text = f"The call with {CANARIES[name]}"
    found = redact_text(text)
    assert found.startswith("The call with ")
    assert not any(secret in found for secret in SECRETS)
    assert "[redacted " in found or "***" in found
    assert found == redact_text(found)
    if name in SHOWN:
        assert found == f"The call with {SHOWN[name]}"


@pytest.mark.parametrize(
    "text",
    [
        "Basic authentication failed",
        "bearer token missing",
        "the token has expired",
        "password: must have 8 characters",
        "at 1764428400123456 us",
        "4111 1111 1111 1112 fails the check",
        "+4911111111111111",
        "3f2504e0-4f89-41d3-9a0c-0305e82c3301",
        "did:peer:2.Ez6LSbysY2xFMRpGMhb7tFTLMpeuPRaqaWM1yECx2AtzE3KCc",
        "https://didcomm.org/report-problem/2.0/problem-report",
        "mailto:alice@example.org or https://example.org/@alice:8",
        "https://example.org:8443/a@b",
        "eyJ is how a JWT begins",
        "eyJhbGciOiJIUzI1NiJ9.one-dot",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
        "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact_text(text) is text


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ({"password": "x"}, {"password": "[redacted value]"}),
        ({"a": [{"Client-Secret": {"deep": 1}}]}, {"a": [{"Client-Secret": "[redacted value]"}]}),
        ({"password": ""}, {"password": ""}),
        ({"token": None, "secret": False}, {"token": None, "secret": False}),
        ({"card": 4111111111111111}, {"card": "[redacted card number]"}),
        ({"id": 4111111111111111, "thid": "4111111111111111"}, {"id": 4111111111111111, "thid": "4111111111111111"}),
        ({JWT: 1}, {"[redacted JWT]": 1}),
    ],
)
def test_members(value: object, found: object) -> None:
    assert redact_value(value) == found


def test_what_a_tenant_keeps_and_what_it_adds() -> None:
    own = Redaction(keep=("card", "named"), members=("ssn",))
    text = f"{CANARIES['card']} {CANARIES['form']}"
    assert redact_text(text, own) is text
    assert redact_value({"ssn": "1"}, Redaction(members=("ssn",))) == {"ssn": "[redacted value]"}
    report = a_report({"code": "e.p.x", "ssn": "078-05-1120"})
    assert b"078-05-1120" in redact_and_encode(report, lambda tenant: Redaction())[1]
    assert b"078-05-1120" not in redact_and_encode(report, lambda tenant: Redaction(members=("ssn",)))[1]


def test_a_plain_event_is_the_same_object() -> None:
    report = a_report({"code": "e.p.x", "comment": "It failed."})
    assert redacted(report) is report
    assert redact_and_encode(report, lambda tenant: Redaction()) == (report, encode(report))


def test_values_of_items_and_details_are_secret_by_their_name() -> None:
    report = problem("e.p.x", items=[Item(key="password", value="c4n4ry"), Item(key="user", value="alice")])
    found = redacted(problem_reported(report, Origin(tenant="t"))).problem
    assert [one.value for one in found.items] == ["[redacted value]", "alice"]
    detail = {"api_key": "c4n4ry", "step": "2"}
    activity = ActivityObserved(
        event_id="e", tenant="t", occurred_at=1, recorded_at=1, kind=ActivityKind.JOB_STARTED, detail=detail
    )
    assert redacted(activity).detail == {"api_key": "[redacted value]", "step": "2"}
    command = CommandIssued(
        event_id="e", tenant="t", occurred_at=1, recorded_at=1, kind=CommandKind.RESOLVE, target="c", by="a", why=JWT
    )
    assert redacted(command).why == "[redacted JWT]"


def test_extensions_stay_json_and_the_code_stays_one() -> None:
    found = redacted(a_report({"code": f"e.p.{JWT}", "number": 4111111111111111, "token": {"a": 1}})).problem
    assert {name: json.loads(text) for name, text in found.extensions.items()} == {
        "number": "[redacted card number]",
        "token": "[redacted value]",
    }
    assert (found.code, found.code_key) == ("e.p.[redacted JWT]", "e.p.[redacted jwt]")


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(json.dumps({"code": "e.p.x", "a": JWT}).replace("eyJ", "\\u0065yJ"), id="an escaped letter"),
        pytest.param(json.dumps({"code": "e.p.x", "a": CANARIES["url"]}).replace("/", "\\/"), id="escaped slashes"),
        pytest.param(json.dumps({"code": "e.p.x", "pass\u0077ord": "c4n4ry"}).replace("w", "\\u0077"), id="in a name"),
    ],
)
def test_no_escape_hides_a_secret_in_the_original_bytes(raw: str) -> None:
    event, data = redact_and_encode(problem_reported(raw.encode(), Origin(tenant="t")), lambda tenant: Redaction())
    assert not any(secret.encode() in data for secret in SECRETS)
    assert not any(secret in json.dumps(json.loads(event.raw)) for secret in SECRETS)


def a_report(document: dict[str, Any]) -> ProblemReported:
    return problem_reported(json.dumps(document).encode(), Origin(tenant="t"))


PLACES = st.sampled_from(["comment", "args", "detail", "title", "anything", "instance", "items", "explain"])


def nested(secret: str) -> st.SearchStrategy[Any]:
    """JSON values with the secret somewhere inside, at any depth."""
    before, after = st.sampled_from(["", "a ", "("]), st.sampled_from(["", " b", ")"])
    keys = st.text(st.characters(categories=["Ll"]), min_size=1, max_size=5)

    def around(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        return st.lists(inner, min_size=1, max_size=2) | st.dictionaries(keys, inner, min_size=1, max_size=2)

    return st.recursive(st.builds("{}{}{}".format, before, st.just(secret), after), around, max_leaves=4)


def documents(canary: str, place: str, value: object) -> list[dict[str, Any]]:
    """Reports of several dialects, with a canary in their texts and a value in a place that may not be for it."""
    return [
        {"code": "e.p.x", place: value},
        {"id": "1", "type": "https://didcomm.org/report-problem/2.0/problem-report", "pthid": "t",
         "body": {"code": "e.p.x", "comment": f"{{1}} {canary}", "args": [canary], "more": value}},
        {"@type": "https://didcomm.org/report-problem/1.0/problem-report", "@id": "1", "~thread": {"thid": "t"},
         "description": {"code": "x", "en": f"see {canary}"}, "explain-ltxt": canary, "x": value},
        {"type": "about:blank", "title": "t", "status": 500, "detail": canary, "errors": [{"detail": canary}]},
        {"type": "about:blank", "title": "t", "status": 500, place: value},
        {"jsonrpc": "2.0", "id": 1, "error": {"code": 1, "message": canary, "data": value}},
    ]  # fmt: skip


@given(st.data())
async def test_a_canary_anywhere_is_gone_from_what_is_stored(data: st.DataObject) -> None:
    canary = data.draw(st.sampled_from(sorted(CANARIES.values())))
    publisher = MemoryPublisher(tenant="t")
    for document in documents(canary, data.draw(PLACES), data.draw(nested(canary))):
        with suppress(Unreadable):
            await publisher.publish(json.dumps(document).encode())
            await publisher.publish(document)
    assert len(publisher.events) >= 6
    for event in publisher.events:
        stored = encode(event)
        assert not any(secret.encode() in stored for secret in SECRETS), event


PIECES = (*CANARIES.values(), *NAME_ENDINGS, *WHOLE_NAMES, *' =:"\\4-@._~', "[redacted value]", "://", "eyJ", "\n")
TEXTS = st.lists(st.sampled_from(PIECES) | st.text(max_size=5), max_size=12).map("".join)


@given(text=TEXTS)
@example(text="4111111111111111 4111111111111111")
@example(text='"password":"password=abc"')
def test_redacting_twice_changes_nothing_more_and_the_quick_look_misses_nothing(text: str) -> None:
    found = redact_text(text)
    assert redact_text(found) == found
    assert found == gone_through(text)
    assert found == text or might_hold_secret(text.encode("utf-8", "surrogatepass"))


USER = st.text(alphabet="u0-_\\:%é", max_size=4)


@given(user=USER, password=USER, end=st.sampled_from(["@h", "@", "/@h", " @h", "?@h", "", "@h/x:y@z"]))
def test_the_quick_look_misses_no_password_of_a_url(user: str, password: str, end: str) -> None:
    text = f"see https://{user}:{password}{end}"
    for raw in (text, json.dumps(text), json.dumps(text).replace("/", "\\/")):
        assert gone_through(text) == text or might_hold_secret(raw.encode())


BEGINNINGS = (
    "1eyJ", "_eyJa", "eyJ", "1eyJaaaaaa.", "bearer ", "cookie: a", "token\\", 'token"  ', "password = ", "a://u:", "://:",
    "whsec_a", "-----BEGIN PRIVATE KEY", "4 ", "4-1", "a+",
)  # fmt: skip


@pytest.mark.parametrize("beginning", BEGINNINGS)
def test_a_text_that_begins_many_secrets_and_ends_none_is_gone_through_once(beginning: str) -> None:
    """A document may have this size, and readers share a thread: what scans it again for each would stand for an
    hour."""
    gone_through(f"{beginning * (250_000 // len(beginning))} a.b.c")


def test_a_report_without_secrets_is_not_gone_through() -> None:
    report = a_report(
        {
            "type": "https://didcomm.org/report-problem/2.0/problem-report",
            "id": "7c9de639-c51c-4d60-ab95-103fa613c805",
            "body": {
                "code": "e.p.xfer.cant-use-endpoint",
                "comment": "Unable to use the {1} endpoint for {2}.",
                "args": ["https://agents.r.us:8443/inbox", "did:sov:C805sNYhMrjHiqZDTUASHg"],
                "escalate_to": "mailto:admin@foo.org",
            },
        }
    )
    assert not might_hold_secret(encode(report))


@given(problem=problems, text=TEXTS)
def test_any_event_can_be_redacted(problem: Problem, text: str) -> None:
    changed = msgspec.structs.replace(problem, text=text.encode("utf-8", "replace").decode())
    event = problem_reported(changed, Origin(tenant="t"))
    found = redacted(event)
    assert encode(found)
    assert redacted(found) is found
