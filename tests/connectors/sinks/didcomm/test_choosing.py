"""What is a message, how it is packed, which services may be posted to; and the outcomes that need no network."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.connectors.sinks.test_addresses import ALL, BY_NAME
from tocsin.connectors.didcomm.port import NoKey, Packing, ResolutionFault, Service, Unresolvable
from tocsin.connectors.outcomes import Delivered, Reason, Rejected, RetryLater
from tocsin.connectors.sinks.didcomm.choosing import beginning_with, message_of, packing_of, ways_of
from tocsin.connectors.sinks.didcomm.classifying import (
    is_stale,
    of_answer,
    of_missing_key,
    of_no_way,
    of_unresolved,
    was_not_taken,
)
from tocsin.connectors.sinks.didcomm.learned import Learned

V1 = {"@type": "https://didcomm.org/report-problem/1.0/problem-report", "@id": "m1"}
V2 = {"type": "https://didcomm.org/report-problem/2.0/problem-report", "id": "m1", "body": {"code": "e.p.xfer"}}


@pytest.mark.parametrize(("document", "version"), [(V1, 1), (V2, 2), (V1 | {"type": "x", "id": "y"}, 1)])
def test_the_version_of_a_message_is_seen_by_its_members(document: dict[str, Any], version: int) -> None:
    message = message_of(json.dumps(document).encode())
    assert (message.version, message.document) == (version, document)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"null", b"{}", b"[" * 50_000, b"\xff\xfe", b"1" * 10_000, b'{"type": "x"}', b'{"id": "y"}',
        b'{"type": "x", "id": 1}', b'{"type": {"a": null}, "id": "y"}', b'{"type": "x", "id": ""}',
        b'{"@type": "x", "id": "y"}',
    ],
)  # fmt: skip
def test_what_is_no_message_is_not_packed(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"deep|object|neither|JSON|Expecting|decode|Exceeds"):
        message_of(body)


@given(st.binary(max_size=300) | st.recursive(st.none() | st.text(), lambda x: st.dictionaries(st.text(), x)).map(
    lambda value: json.dumps(value).encode("utf-8", "replace")
))  # fmt: skip
def test_any_bytes_are_a_message_or_a_value_error(body: bytes) -> None:
    with suppress(ValueError):
        assert message_of(body).version in (1, 2)


PACKINGS = {
    (1, "authcrypt"): Packing.V1_AUTHCRYPT, (1, "anoncrypt"): Packing.V1_ANONCRYPT, (1, "signed"): None,
    (2, "authcrypt"): Packing.AUTHCRYPT, (2, "anoncrypt"): Packing.ANONCRYPT, (2, "signed"): Packing.SIGNED,
}  # fmt: skip


@pytest.mark.parametrize(("version", "wanted"), PACKINGS)
def test_the_packing_follows_from_the_version(version: int, wanted: Any) -> None:
    message, expected = message_of(json.dumps(V1 if version == 1 else V2).encode()), PACKINGS[version, wanted]
    if expected is None:
        with pytest.raises(ValueError, match="signed is not a packing of DIDComm version 1"):
            packing_of(message, wanted)
    else:
        assert packing_of(message, wanted) is expected


def service(uri: str = "https://peer.example/in", version: Any = 2, *accept: str) -> Service:
    return Service(uri=uri, to="did:web:peer.example", version=version, accept=accept)


SERVICES: dict[str, tuple[list[Service], int, list[str] | Reason]] = {
    "none": ([], 2, Reason.NO_SERVICE),
    "one": ([service()], 2, ["https://peer.example/in"]),
    "of the other version": ([service()], 1, Reason.NO_SERVICE),
    "of version 1": ([service("https://a.example", 1)], 1, ["https://a.example"]),
    "that accepts version 2": ([service("https://a.example", 2, "didcomm/v2")], 2, ["https://a.example"]),
    "that accepts it beside others": (
        [service("https://a.example", 2, "didcomm/aip1", "DIDComm/V2")], 2, ["https://a.example"],
    ),
    "that accepts version 1 alone": (
        [service("https://a.example", 2, "didcomm/aip2;env=rfc19")], 2, Reason.NO_SERVICE,
    ),
    "of version 2 that accepts version 1": (
        [service("https://a.example", 2, "didcomm/aip2; env=rfc19")], 1, ["https://a.example"],
    ),
    "of a websocket": ([service("wss://a.example")], 2, Reason.NO_SERVICE),
    "of a websocket and of http": ([service("ws://a"), service()], 2, ["https://peer.example/in"]),
    "of mail": ([service("mailto:a@example.org")], 2, Reason.NO_SERVICE),
    "of nothing": ([service("")], 2, Reason.NO_SERVICE),
    "several, in their order": (
        [service("https://b.example/"), service("https://a.example/")], 2, ["https://b.example/", "https://a.example/"],
    ),
    "a name and a password": ([service("https://user:pass@peer.example/")], 2, Reason.ADDRESS_REFUSED),
    "a fragment": ([service("https://peer.example/#key")], 2, Reason.ADDRESS_REFUSED),
    "another port": ([service("https://peer.example:8443/")], 2, Reason.ADDRESS_REFUSED),
    "plain": ([service("http://peer.example/")], 2, Reason.ADDRESS_REFUSED),
    "a line end": ([service("https://peer.example/\r\nx: y")], 2, Reason.ADDRESS_REFUSED),
    "a private one beside a public one": (
        [service("https://10.0.0.1/"), service()], 2, ["https://peer.example/in"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("services", "version", "expected"), SERVICES.values(), ids=SERVICES)
def test_which_services_may_be_posted_to(services: list[Service], version: int, expected: list[str] | Reason) -> None:
    found = ways_of(services, version, private=False)
    urls = [str(way.url).rstrip("/") for way in found.ways]
    assert urls == ([] if isinstance(expected, Reason) else [one.rstrip("/") for one in expected])
    if isinstance(expected, Reason):
        assert found.why_none is expected


@pytest.mark.parametrize(("kind", "host"), [one for one in ALL if one[0] != BY_NAME])
def test_no_service_is_at_an_address_that_is_not_public(kind: str, host: str) -> None:
    found = ways_of([service(f"https://{host}/in")], 2, private=False)
    assert (found.ways, found.why_none) == ((), Reason.ADDRESS_REFUSED)


def test_where_private_is_right_all_of_http_is() -> None:
    urls = ["http://127.0.0.1:8020/", "https://[::1]:1/", "http://agent:80/x?y=z"]
    assert len(ways_of([service(url) for url in urls], 2, private=True).ways) == 3
    assert ways_of([service("http://a:b@agent/")], 2, private=True).ways == ()


def test_what_hung_last_time_is_tried_last() -> None:
    ways = ways_of([service(f"https://{name}.example/") for name in "abc"], 2, private=False).ways
    again = beginning_with(ways, "https://b.example/")
    assert [way.url.host for way in again] == ["b.example", "c.example", "a.example"]
    assert beginning_with(ways, None) == beginning_with(ways, "https://gone.example/") == ways


def test_what_is_learned_is_bounded() -> None:
    learned = Learned(limit=3)
    for number in range(10):
        learned.next_time(f"did:example:{number}", "https://a.example")
        learned.note_old(f"https://{number}.example", True)
        assert learned.begin_with("did:example:0") == ("https://a.example")
        assert learned.takes_old("https://0.example")
    kept = [number for number in range(10) if learned.begin_with(f"did:example:{number}")]
    assert kept == [0, 8, 9], "those last used"
    assert [number for number in range(10) if learned.takes_old(f"https://{number}.example")] == [0, 8, 9]
    learned.doubt("did:example:9")
    assert [learned.doubts("did:example:9") for _ in range(2)] == [True, False]
    learned.next_time("did:example:9", None)
    learned.note_old("https://9.example", False)
    assert learned.begin_with("did:example:9") is None
    assert not learned.takes_old("https://9.example")


ANSWERS = {
    # status: outcome, whether another service is tried at once, whether the document is looked up again
    200: (Delivered(status=200), False, False),
    202: (Delivered(status=202), False, False),
    302: (RetryLater(reason=Reason.REDIRECTED, status=302), True, False),
    400: (RetryLater(reason=Reason.CLIENT_ERROR, status=400), True, True),
    401: (RetryLater(reason=Reason.AUTH_ERROR, status=401), True, False),
    404: (RetryLater(reason=Reason.CLIENT_ERROR, status=404), True, True),
    408: (RetryLater(reason=Reason.TIMEOUT, status=408), False, True),
    410: (RetryLater(reason=Reason.CLIENT_ERROR, status=410), True, True),
    415: (RetryLater(reason=Reason.CLIENT_ERROR, status=415), True, False),
    422: (RetryLater(reason=Reason.CLIENT_ERROR, status=422), True, False),
    429: (RetryLater(reason=Reason.RATE_LIMITED, status=429, after=7_000_000), False, False),
    500: (RetryLater(reason=Reason.SERVER_ERROR, status=500), False, True),
    503: (RetryLater(reason=Reason.SERVER_ERROR, status=503, after=7_000_000), False, False),
    504: (RetryLater(reason=Reason.TIMEOUT, status=504), False, True),
}


@pytest.mark.parametrize("status", ANSWERS)
def test_what_an_answer_means(status: int) -> None:
    outcome, elsewhere, stale = ANSWERS[status]
    asks = "7" if status in (429, 503) else None
    assert of_answer(status, asks, 0) == outcome
    assert (was_not_taken(outcome), is_stale(outcome)) == (elsewhere, stale)


@pytest.mark.parametrize("reason", list(Reason))
def test_after_no_answer_another_service_is_tried_only_if_nothing_was_sent(reason: Reason) -> None:
    nothing_sent = reason in {
        Reason.CONNECT_FAILED, Reason.DNS_FAILED, Reason.TLS_FAILED, Reason.ADDRESS_REFUSED, Reason.PROXY_FAILED
    }  # fmt: skip
    outcome = RetryLater(reason=reason)
    silent = nothing_sent or reason in (Reason.TIMEOUT, Reason.CONNECTION_LOST)
    assert (was_not_taken(outcome), is_stale(outcome)) == (nothing_sent, silent)


FIXED, CHANGING = "did:peer:2.Ez6LS", "did:web:peer.example"


@pytest.mark.parametrize("fault", list(ResolutionFault))
def test_a_did_without_a_document_is_final_only_where_no_time_helps(fault: ResolutionFault) -> None:
    outcome = of_unresolved(Unresolvable("did:example:1", fault))
    final = fault in (ResolutionFault.MALFORMED, ResolutionFault.METHOD_UNSUPPORTED)
    assert isinstance(outcome, Rejected if final else RetryLater)
    assert outcome.reason is (Reason.ADDRESS_REFUSED if fault is ResolutionFault.REFUSED else Reason.UNRESOLVED)


def test_did_web_that_is_off_may_be_turned_on() -> None:
    off = Unresolvable(CHANGING, ResolutionFault.METHOD_UNSUPPORTED)
    assert of_unresolved(off) == RetryLater(reason=Reason.UNRESOLVED)


@pytest.mark.parametrize("peer", [FIXED, "did:key:z6Mk", CHANGING, "did:sov:WRfXPg8dantKVubE3HX8pw"])
def test_what_a_document_lacks_may_come_where_the_document_can_change(peer: str) -> None:
    kind = Rejected if peer.startswith(("did:peer:", "did:key:")) else RetryLater
    assert of_no_way(Reason.NO_SERVICE, peer) == kind(reason=Reason.NO_SERVICE)
    assert of_missing_key(NoKey(peer, "none that fits", own=False), peer) == kind(reason=Reason.NO_KEY)
    assert of_missing_key(NoKey("ours", "none", own=True), peer) == RetryLater(reason=Reason.NO_KEY)
