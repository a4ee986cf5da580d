"""What events of Identus Cloud Agent mean: every type, every state, with and without tries that are left."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from tests.connectors.sources.identus.events import (
    AT,
    CLAIM,
    CONNECTION,
    DATA,
    FAILURE,
    NOW,
    STATE,
    THREAD,
    WALLET,
    event,
    message,
)
from tocsin.connectors.dialects import Unreadable
from tocsin.connectors.sources.identus.reading import IDENTUS, read
from tocsin.connectors.sources.identus.states import KINDS
from tocsin.schemas.codec import decode, encode
from tocsin.schemas.events import ActivityKind, ActivityObserved, ProblemReported
from tocsin.schemas.problem import MAX_RETRIES, Problem, RetryParty, Severity
from tocsin.streams.rules.stages.same_event import digest_of

OCCURRED = 1_796_040_000_119_127
RECORD = {
    "ConnectionUpdated": ("connection", CONNECTION),
    "IssueCredentialRecordUpdated": ("issuance", DATA["IssueCredentialRecordUpdated"]["recordId"]),
    "PresentationUpdated": ("presentation", DATA["PresentationUpdated"]["presentationId"]),
    "DIDStatusUpdated": ("did", "did:prism:4c1d"),
}
EXCHANGES = [kind for kind in KINDS if kind != "DIDStatusUpdated"]


def problem_of(document: Any) -> Problem | None:
    found = [one.problem for one in read(message(document)).events if isinstance(one, ProblemReported)]
    assert len(found) <= 1
    return found[0] if found else None


@pytest.mark.parametrize("kind", KINDS)
def test_a_record_that_changed_is_an_activity(kind: str) -> None:
    heard = read(message(event(kind)))
    (changed,) = [one for one in heard.events if one.kind is ActivityKind.RECORD_CHANGED]  # type: ignore[union-attr]
    assert isinstance(changed, ActivityObserved)
    assert (heard.what, heard.ignored, heard.tenant) == (kind, (), "acme")
    assert (changed.record_type, changed.record_id) == RECORD[kind]
    assert changed.record_state == DATA[kind][STATE[kind]]
    assert changed.thread_id == DATA[kind].get("thid")
    assert changed.connection == DATA[kind].get("connectionId")
    assert (changed.occurred_at, changed.recorded_at) == (OCCURRED, NOW)
    assert changed.detail["wallet"] == WALLET
    assert problem_of(event(kind)) is None
    assert all(decode(encode(one)) == one for one in heard.events)


# tries that are left -> code, severity, who tries again
RETRIES = {
    "the first failure": (4, FAILURE["type"], Severity.WARNING, RetryParty.REPORTER),
    "the last try is left": (1, FAILURE["type"], Severity.WARNING, RetryParty.REPORTER),
    "none is left": (0, MAX_RETRIES, Severity.ERROR, RetryParty.NONE),
    "fewer than none": (-1, MAX_RETRIES, Severity.ERROR, RetryParty.NONE),
}


@pytest.mark.parametrize("kind", EXCHANGES)
@pytest.mark.parametrize(("left", "code", "severity", "party"), RETRIES.values(), ids=list(RETRIES))
def test_a_failure_is_a_problem_as_bad_as_the_tries_that_are_left(
    kind: str, left: int, code: str, severity: Severity, party: RetryParty
) -> None:
    found = problem_of(event(kind, left=left, metaNextRetry="2026-11-30T12:01:00Z"))
    assert found is not None
    assert (found.code, found.severity, found.retry_party) == (code, severity, party)
    assert found.http is not None
    assert (found.http.type, found.http.status, found.http.title) == (FAILURE["type"], 500, "Failure Info")
    assert (found.text, found.http.instance) == (FAILURE["detail"], None)
    assert {item.key: item.value for item in found.items} == {
        "retries_left": str(max(0, left)), "next_retry": "2026-11-30T12:01:00Z",
    }  # fmt: skip
    source = found.source
    assert (source.record_type, source.record_id) == RECORD[kind]
    assert (found.thread_id, source.connection, source.wallet, source.side) == (
        THREAD, DATA[kind].get("connectionId"), WALLET, "own",
    )  # fmt: skip
    assert found.noticed_at == OCCURRED


@pytest.mark.parametrize(("kind", "state"), [(kind, state) for kind in KINDS for state in sorted(KINDS[kind].states)])
def test_every_state(kind: str, state: str) -> None:
    """A state in which a record stays is a problem by itself; one at its end is none, whatever failed before."""
    table = KINDS[kind]
    failed = table.failed.get(state)
    found = problem_of(event(kind, state=state))
    assert (found is None) == (failed is None)
    if failed is not None and found is not None:
        assert (found.code, found.severity, found.source.side) == (failed.code, Severity.ERROR, failed.side)
    after_a_failure = problem_of(event(kind, state=state, left=3))
    assert (after_a_failure is None) == (state in table.done)
    if failed is not None and after_a_failure is not None:
        told = (after_a_failure.code, after_a_failure.severity, after_a_failure.retry_party, after_a_failure.items)
        assert told == (failed.code, Severity.ERROR, RetryParty.NONE, []), "nobody tries again, whatever it counts"
        assert after_a_failure.http is not None
        assert after_a_failure.http.detail == FAILURE["detail"]
        changed = read(message(event(kind, state=state, left=3))).events[0]
        assert isinstance(changed, ActivityObserved)
        assert "retries_left" not in changed.detail
    opened = [one.kind for one in read(message(event(kind, state=state))).events if isinstance(one, ActivityObserved)]
    assert (ActivityKind.CONNECTION_OPENED in opened) == (kind == "ConnectionUpdated" and state in table.done)


def test_one_event_has_the_same_ids_however_often_and_by_whichever_webhook_it_comes() -> None:
    """The agent writes the record anew for each webhook: the instance of the failure is another one each time."""
    one, other = event("ConnectionUpdated", left=0), event("ConnectionUpdated", left=0)
    other["data"]["metaLastFailure"]["instance"] = "error:instance:7a6b5c4d-0000-4000-8000-000000000000"
    first, second = (read(message(each)).events for each in (one, other))
    assert first == second
    assert len({each.event_id for each in first}) == len(first) == 2
    later = event("ConnectionUpdated", left=0, id="2f9f0d6c-0002-4a5b-9b1c-1d2e3f4a5b6c")
    assert not {each.event_id for each in first} & {each.event_id for each in read(message(later)).events}
    unnamed = event("ConnectionUpdated", id="")
    assert read(message(unnamed)).events == read(message(unnamed)).events


# the time that an event says of itself
TIMES = {"none": None, "one that is none": "yesterday", "a minute ahead of us": "2026-11-30T12:06:00Z", "its own": AT}


@pytest.mark.parametrize("ts", TIMES.values(), ids=TIMES)
def test_what_is_told_does_not_depend_on_when_it_comes(ts: str | None) -> None:
    document = event("PresentationUpdated", state="RequestRejected", ts=ts)
    told = []
    for later in (0, 61_000_000):
        came = msgspec.structs.replace(message(document), now=NOW + later)
        told += [(one.event_id, digest_of(one)) for one in read(came).events if isinstance(one, ProblemReported)]
    assert len(told) == 2
    assert told[0] == told[1], "or the rules would take it for another report of the same id"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("left", [None, 3, 0])
def test_claims_and_credentials_are_not_kept(kind: str, left: int | None) -> None:
    document = event(kind, left=left, credential="eyJhbGciOi")
    kept = b"".join(map(encode, read(message(document)).events))
    assert CLAIM.encode() not in kept
    assert b"eyJ" not in kept


def test_a_wallet_that_is_mapped_is_its_tenants_and_any_other_that_of_the_caller() -> None:
    wallets = {WALLET: "globex"}
    heard = read(message(event("ConnectionUpdated"), wallets=wallets))
    assert (heard.tenant, {one.tenant for one in heard.events}) == ("globex", {"globex"})
    heard = read(message(event("ConnectionUpdated", walletId="another"), wallets=wallets))
    assert (heard.tenant, {one.tenant for one in heard.events}) == ("acme", {"acme"})
    assert read(message(event("ConnectionUpdated"))).tenant == "acme", "the tenant is settled"


FAILED_OTHERWISE = {
    "a text, as of early releases": ("io.iohk.atala.Boom: no route", "e.p.error", "io.iohk.atala.Boom: no route", ()),
    "an empty object": ({}, None, None, ()),
    "null": (None, None, None, ()),
    "a text without an end": ("x" * 900_000, "e.p.error", "x" * 4096, ()),
    "a detail without an end": ({"title": "T", "detail": "x" * 900_000}, "about:blank", "x" * 4096, ()),
    "a list": ([1], None, None, ("/data/metaLastFailure is neither an object nor a text",)),
    "an instance of its own": (
        {"type": "error:x:Y", "title": "Y", "instance": "urn:uuid:1f4e1b52-9d5e-4a64-b1a6-7a1d2f3c4b5e"},
        "error:x:Y", "Y", (),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("said", "code", "text", "ignored"), FAILED_OTHERWISE.values(), ids=list(FAILED_OTHERWISE))
def test_failures_of_other_forms(said: Any, code: str | None, text: str | None, ignored: tuple[str, ...]) -> None:
    document = event("PresentationUpdated", metaLastFailure=said, metaRetries=None)
    found = problem_of(document)
    assert (found and found.code, found and found.text) == (code, text)
    assert read(message(document)).ignored == ignored


KEPT: dict[str, tuple[Any, str, str]] = {
    "a type of a release to come": (
        {"id": "1", "ts": AT, "type": "WalletUpdated", "data": {}, "walletId": WALLET}, "other",
        "events of type WalletUpdated are not known",
    ),
    "no record": (
        event("ConnectionUpdated", connectionId=None), "ConnectionUpdated",
        "it does not say which record it is about: no /data/connectionId",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("document", "what", "why"), KEPT.values(), ids=list(KEPT))
def test_what_becomes_nothing_says_why(document: Any, what: str, why: str) -> None:
    heard = read(message(document))
    assert (heard.what, heard.events, heard.ignored) == (what, (), (why,))
    assert IDENTUS.kind_of(heard.what) == what


LENIENT: dict[str, Any] = {
    "a state of a release to come": event("ConnectionUpdated", state="Hibernating"),
    "no state": event("ConnectionUpdated", state=""),
    "a state that is null": event("PresentationUpdated") | {"data": DATA["PresentationUpdated"] | {"status": None}},
    "no thread": event("PresentationUpdated", thid=None),
    "no time": event("PresentationUpdated", ts=None),
    "a time that is none": event("PresentationUpdated", ts="yesterday"),
    "a time to come": event("PresentationUpdated", ts="2099-01-01T00:00:00Z"),
    "a DID of 8 kB": event("ConnectionUpdated", theirDid="did:peer:2." + "x" * 8000),
    "retries that are no number": event("PresentationUpdated", metaRetries="many"),
    "members of a release to come": event("PresentationUpdated", somethingNew={"a": [1, 2]}),
}


@pytest.mark.parametrize("document", LENIENT.values(), ids=list(LENIENT))
def test_what_is_missing_or_new_is_no_fault(document: Any) -> None:
    heard = read(message(document))
    assert [one.kind for one in heard.events] == [ActivityKind.RECORD_CHANGED]  # type: ignore[union-attr]
    assert heard.events[0].occurred_at in (OCCURRED, NOW)


REFUSED: dict[str, tuple[Any, str]] = {
    "no JSON": (b"{", "not_json"),
    "nothing": (b"", "empty"),
    "a list": ([], "wrong_type"),
    "no type": ({"id": "1", "data": {}}, "missing_member at /type"),
    "a type that is a number": (event("ConnectionUpdated", type=1), "wrong_type at /type"),
    "an id of 300 characters": (event("ConnectionUpdated", id="x" * 300), "too_long at /id"),
    "a wallet that is an object": (event("ConnectionUpdated", walletId={}), "wrong_type at /walletId"),
    "data that is a text": (event("ConnectionUpdated") | {"data": "{}"}, "wrong_type at /data"),
    "a record that is a number": (event("ConnectionUpdated", connectionId=7), "wrong_type at /data/connectionId"),
    "a thread of 300 characters": (event("ConnectionUpdated", thid="x" * 300), "too_long at /data/thid"),
    "a failure whose type is too long": (
        event("PresentationUpdated", metaLastFailure={"type": "x" * 5000}), "too_long at /data/metaLastFailure/type",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("document", "why"), REFUSED.values(), ids=list(REFUSED))
def test_what_is_no_event_names_the_member(document: Any, why: str) -> None:
    with pytest.raises(Unreadable) as refused:
        read(message(document))
    assert str(refused.value).startswith(why)
    assert json.dumps(CLAIM) not in str(refused.value)
