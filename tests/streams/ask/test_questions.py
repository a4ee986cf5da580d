"""Lists, records, time lines, cases, deliveries and numbers, asked over HTTP, on both databases."""

from __future__ import annotations

from typing import Any

import pytest

from tests.streams.ask.conftest import Gateway
from tests.streams.ask.world import MANY

LISTS: dict[str, tuple[str, str]] = {
    "problems": ("/v1/problems", "items"),
    "problems with a word": ("/v1/problems?q=job", "items"),
    "problems of a connection": ("/v1/problems?connection=c-many", "items"),
    "cases": ("/v1/cases?state=any", "items"),
    "cases, the most frequent first": ("/v1/cases?state=any&sort=count", "items"),
    "cases, the newest first": ("/v1/cases?state=any&sort=first_seen", "items"),
    "cases, the worst first": ("/v1/cases?state=any&sort=severity", "items"),
    "connections": ("/v1/connections", "items"),
    "a time line": ("/v1/connections/c-many", "timeline"),
    "a record's time line": ("/v1/records/issuance/r-1", "timeline"),
    "a thread": ("/v1/threads/t-1", "items"),
}


async def _all(asked: Gateway, path: str, where: str, limit: int) -> list[list[Any]]:
    """The ids on each page."""
    pages, following = [], f"{path}{'&' if '?' in path else '?'}limit={limit}"
    while following:
        answer = await asked.get(following)
        assert answer.status == 200, answer.text
        listed = answer.json if where == "items" else answer.json[where]
        pages.append([one["id"] for one in listed["items"]])
        following = listed.get("next", "")
        assert len(pages) < 100
    return pages


@pytest.mark.parametrize(("path", "where"), LISTS.values(), ids=LISTS)
async def test_paging_shows_each_once_and_in_the_order_of_one_page(asked: Gateway, path: str, where: str) -> None:
    whole = (await _all(asked, path, where, 250))[0]
    paged = await _all(asked, path, where, 2)
    assert [one for page in paged for one in page] == whole
    assert len(whole) > 2
    assert all(len(page) <= 2 for page in paged)
    assert not any("globex" in one for one in whole)


FILTERS: dict[str, tuple[str, set[str]]] = {
    "a peer": ("peer=did:example:bob", {"p-1"}),
    "a thread": ("thread=t-1", {"p-1"}),
    "a record": ("record_type=issuance&record=r-1", {"p-1", "p-later"}),
    "a case": ("case=case-ended1", {"p-ended1"}),
    "a severity that none has": ("severity=warning", set()),
    "those that break rules": ("conformant=false", {"p-1", "p-evil"}),
    "a dialect": ("dialect=canonical", {"p-evil"}),
    "a time that is over": ("until=2020-01-01T00:00:00Z", set()),
    "a span": ("since=1h", set()),
    "a decision": ("decision=opened&dialect=didcomm-2.0", {"p-1"}),
    "words": ("q=bob+where", {"p-1"}),
    "how a word begins": ("q=whe*", {"p-1"}),
    "words with signs of the search's own language": ('q="bob" OR (NEAR -where', set()),
}


@pytest.mark.parametrize(("query", "ids"), FILTERS.values(), ids=FILTERS)
async def test_filters(asked: Gateway, query: str, ids: set[str]) -> None:
    answer = await asked.get(f"/v1/problems?{query}")
    assert answer.status == 200, answer.text
    assert {one["id"] for one in answer.json["items"]} == ids


BAD: dict[str, tuple[str, str]] = {
    "a parameter that there is not": ("/v1/problems?color=red", "color"),
    "a parameter of another route": ("/v1/cases?q=x", "q"),
    "said twice": ("/v1/problems?code=a&code=b", "code"),
    "empty": ("/v1/problems?code=", "code"),
    "too long": (f"/v1/problems?code={'x' * 1025}", "code"),
    "a NUL": ("/v1/problems?code=a%00", "code"),
    "a limit of nothing": ("/v1/problems?limit=0", "limit"),
    "a limit below nothing": ("/v1/problems?limit=-1", "limit"),
    "a limit beyond the largest": ("/v1/problems?limit=251", "limit"),
    "a limit that is endless": (f"/v1/problems?limit={'9' * 1000}", "limit"),
    "a limit in other digits": ("/v1/problems?limit=٣", "limit"),
    "a limit that is a word": ("/v1/problems?limit=all", "limit"),
    "no cursor": ("/v1/problems?cursor=what", "cursor"),
    "no cursor, in a case": ("/v1/cases/case-1?cursor=what", "cursor"),
    "no cursor, in a record": ("/v1/records/issuance/r-1?cursor=what", "cursor"),
    "no cursor, in a thread": ("/v1/threads/t-1?cursor=what", "cursor"),
    "no cursor, in a connection": ("/v1/connections/c-1?cursor=what", "cursor"),
    "no cursor, in a search": ("/v1/problems?q=bob&cursor=what", "cursor"),
    "no cursor, among the dead": ("/v1/dead?cursor=what", "cursor"),
    "no time": ("/v1/problems?since=yesterday", "since"),
    "a time without its zone": ("/v1/problems?until=2026-11-30T06:00:00", "until"),
    "a severity": ("/v1/problems?severity=fatal", "severity"),
    "a decision": ("/v1/problems?decision=yes", "decision"),
    "no yes or no": ("/v1/problems?conformant=1", "conformant"),
    "a state of cases": ("/v1/cases?state=closed", "state"),
    "an order of cases": ("/v1/cases?sort=title", "sort"),
    "a severity of cases": ("/v1/cases?severity=fatal", "severity"),
    "what is counted": ("/v1/statistics?by=weather", "by"),
    "a time that ends before it begins": ("/v1/statistics?since=1h&until=3h", "since"),
    "a time that is too long": ("/v1/statistics?since=2020-01-01T00:00:00Z", "since"),
    "too many names": ("/v1/statistics?limit=201", "limit"),
    "a parameter of a delivery": ("/v1/deliveries/d-p-1?x=1", "x"),
    "a parameter of peers": ("/v1/peers?until=1h", "until"),
    "a parameter of a problem": ("/v1/problems/p-1?x=1", "x"),
    "a type of events": ("/v1/events?type=ProblemOpened,Weather", "type"),
    "no position": ("/v1/events?since=what", "since"),
}


@pytest.mark.parametrize(("path", "name"), BAD.values(), ids=BAD)
async def test_a_bad_parameter_is_refused_by_its_name(shown: Gateway, path: str, name: str) -> None:
    answer = await shown.get(path)
    assert (answer.status, answer.json["type"]) == (400, "urn:tocsin:problem:bad-parameter")
    assert answer.json["parameter"] == name
    assert answer.json["expected"]
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_record_shows_the_problem_of_its_open_case_before_a_later_one(asked: Gateway) -> None:
    record = (await asked.get("/v1/records/issuance/r-1")).json
    assert (record["open"], record["links"]["error"]) == (True, "/v1/problems/p-1")
    assert record["error"]["instance"] == "/v1/problems/p-1"
    assert record["state"] == "proposal-received"
    assert [one["id"] for one in record["timeline"]["items"]][:2] == ["p-later", "p-1"]


async def test_a_record_with_no_open_case_shows_the_last(asked: Gateway) -> None:
    record = (await asked.get("/v1/records/issuance/r-2")).json
    assert (record["open"], record["links"]["error"]) == (False, "/v1/problems/p-ended2")


async def test_a_thread_tells_its_story_newest_first(asked: Gateway) -> None:
    answer = (await asked.get("/v1/threads/t-1")).json
    assert [(one["entry"], one["id"]) for one in answer["items"]] == [
        ("case_event", "late-1"), ("problem", "p-1"), ("activity", "a-p-1"),
    ]  # fmt: skip
    assert answer["items"][0]["kind"] == "TimeoutNoticed"


async def test_a_connection_is_known_with_its_peer(asked: Gateway) -> None:
    found = (await asked.get("/v1/connections/c-1")).json
    assert found["id"] == "c-1"
    listed = (await asked.get("/v1/connections")).json["items"]
    assert {one["id"] for one in listed} >= {"c-1", "c-many", "https://evil.example/c?x#y"}


async def test_cases_by_their_state(asked: Gateway) -> None:
    states = {
        state: {one["id"] for one in (await asked.get(f"/v1/cases?state={state}")).json["items"]}
        for state in ("open", "resolved", "any")
    }
    assert states["open"] == {"case-1", "case-evil"}
    assert states["resolved"] == {"case-later", "case-ended1", "case-ended2"}
    assert states["any"] == states["open"] | states["resolved"]


async def test_a_case_with_its_problems_and_what_may_be_done(asked: Gateway) -> None:
    case = (await asked.get("/v1/cases/case-1")).json
    assert (case["status"], [one["id"] for one in case["problems"]["items"]]) == ("open", ["p-1"])
    assert [one["kind"] for one in case["events"]] == ["EscalationRaised"]
    assert case["links"]["resolve"] == "/v1/problems/case-1/resolve"
    later = (await asked.get("/v1/cases/case-later")).json
    assert (later["status"], later["resolved_by"], later["resolved_why"]) == ("resolved", "ann", "mended")


async def test_deliveries_of_an_event(asked: Gateway) -> None:
    told = (await asked.get("/v1/deliveries?about=p-1")).json["items"]
    assert [(one["id"], [each["attempt"] for each in one["attempts"]]) for one in told] == [("d-p-1", [1, 2])]
    assert (await asked.get("/v1/deliveries/d-p-1")).json == told[0]
    assert (await asked.get("/v1/deliveries?about=p-globex")).json["items"] == []
    nothing = await asked.get("/v1/deliveries")
    assert (nothing.status, nothing.json["parameter"]) == (400, "about")


async def test_statistics_count_every_report_in_its_hour(asked: Gateway) -> None:
    around = "since=2023-11-14T00:00:00Z&until=2023-11-15T00:00:00Z"
    counted = (await asked.get(f"/v1/statistics?{around}")).json
    top = {one["name"]: one["count"] for one in counted["top"]}
    assert top["e.p.job"] == MANY + 4
    assert top["e.p.xfer.cant-use-endpoint"] == 1
    assert sum(one["count"] for one in counted["hours"]) == sum(top.values())
    one = (await asked.get(f"/v1/statistics?{around}&name=e.p.job")).json
    assert sum(hour["count"] for hour in one["hours"]) == MANY + 4
    dialects = (await asked.get(f"/v1/statistics?{around}&by=dialect&limit=1")).json["top"]
    assert dialects == [{"name": "rfc9457", "count": MANY + 4}]


UNKNOWN = [
    "/v1/problems/p-globex", "/v1/problems/none", "/v1/records/issuance/none", "/v1/threads/none",
    "/v1/connections/none", "/v1/cases/case-globex", "/v1/cases/none", "/v1/deliveries/d-p-globex",
    "/v1/problems/%00", "/v1/threads/grüße", f"/v1/cases/{'x' * 3000}",
]  # fmt: skip


@pytest.mark.parametrize("path", UNKNOWN, ids=[path[:40] for path in UNKNOWN])
async def test_what_the_tenant_does_not_have_is_not_known(asked: Gateway, path: str) -> None:
    answer = await asked.get(path)
    assert (answer.status, answer.json["type"]) == (404, "urn:tocsin:problem:not-known")
