"""Links of pages whose names are unusual, and heads of columns that no row fills."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from typing import Any
from urllib.parse import quote

import pytest

from tests.connectors.gateway.test_scopes import HeldEndpoints
from tests.harness.projected import TIME
from tests.harness.stored import Story
from tests.streams.ask.conftest import Gateway, fill, gateway_over
from tests.streams.page.elements import BROWSER, Elements
from tests.streams.page.test_forms_and_sign_in import Browser
from tests.streams.page.test_hostile_text import crawled
from tocsin.connectors.gateway.cookies import TOLD
from tocsin.schemas.events import ActivityKind, ActivityObserved, EscalationAcknowledged, TimeoutNoticed
from tocsin.streams.ask.endpoint_facts import EndpointFacts, Standings

SECOND = 1_000_000
RECORD = "/v1/records/a%2Fb/one%2Ftwo%25"


def at(second: int) -> dict[str, Any]:
    """When, and whose."""
    return {"tenant": "acme", "occurred_at": TIME + second * SECOND, "recorded_at": TIME + second * SECOND}


def late(name: str, second: int, case: str, **more: Any) -> TimeoutNoticed:
    """A reply that did not come."""
    return TimeoutNoticed(event_id=name, case=case, thread_id="t-late", waited=5, choice="wait", **more, **at(second))


STORY: Story = [
    ("inbox", "acme", ActivityObserved(
        event_id="a-1", kind=ActivityKind.MESSAGE_SENT, thread_id="t-late", connection="c-1", record_type="a/b",
        record_id="one/two%", message_type="https://didcomm.org/issue-credential/2.0/offer-credential", **at(0))),
    ("problems", "case-late", late("late-1", 1, "case-late", connection="c-1")),
    ("problems", "case-late", late("late-2", 2, "case-late", connection="c-1", endpoints=["ops"])),
    ("problems", "case-quiet", late("late-3", 3, "case-quiet")),
    ("problems", "case-taken", late("late-4", 4, "case-taken", endpoints=["ops"])),
    ("escalations", "case-taken", EscalationAcknowledged(event_id="k-1", case="case-taken", by="bo", why="", **at(5))),
]  # fmt: skip


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A store with them."""
    found = f"sqlite:///{tmp_path_factory.mktemp('late') / 'store.db'}"
    fill(found, STORY)
    return found


@pytest.fixture
async def gateway(address: str) -> AsyncIterator[Gateway]:
    """Over it."""
    async with gateway_over(address) as gateway:
        yield gateway


async def test_a_record_whose_type_has_a_slash_is_found(gateway: Gateway) -> None:
    known = (await gateway.get(RECORD)).json
    assert (known["type"], known["id"]) == ("a/b", "one/two%")
    assert known["links"]["self"] == RECORD
    assert known["timeline"]["items"]


@pytest.mark.parametrize(
    ("case", "status", "thread"),
    [("case-late", "open", "t-late"), ("case-quiet", "untold", "t-late"), ("case-taken", "acknowledged", "t-late")],
)
async def test_the_case_of_a_timeout_has_an_answer(gateway: Gateway, case: str, status: str, thread: str) -> None:
    """Nobody reports it: it is what happened to it."""
    known = (await gateway.get(f"/v1/cases/{case}")).json
    assert (known["id"], known["status"], known["thread_id"], known["title"]) == (
        case, status, thread, "A reply did not come in time",
    )  # fmt: skip
    assert (await gateway.get("/v1/cases/another")).status == 404


async def test_no_link_of_a_time_line_leads_nowhere(gateway: Gateway) -> None:
    pages = await crawled(gateway)
    line = Elements((await gateway.get("/v1/threads/t-late", accept=BROWSER)).text)
    assert "/v1/cases/case-late" in line.links
    assert {"/v1/connections", "/v1/home"} <= pages.keys()


async def test_no_head_of_a_column_leads_to_a_refusal(gateway: Gateway) -> None:
    """No connection has a trust here."""
    for path in (
        "/v1/connections",
        "/v1/problems",
        "/v1/peers?since=2020-01-01T00:00:00Z",
        "/v1/loops",
        "/v1/endpoints",
    ):
        links = [link for link in Elements((await gateway.get(path, accept=BROWSER)).text).links if "sort=" in link]
        for link in links:
            assert (await gateway.get(link, accept=BROWSER)).status == 200, link
    assert (await gateway.get("/v1/connections?sort=trust")).status == 400, "a program is told"


class SlowEndpoints(HeldEndpoints):
    """One that is disabled some looks after it was wanted."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self.after, self.looks = after, 0

    async def every(self, tenant: str, *, everything: bool, told: Sequence[str]) -> Standings:
        """As it stands at this look."""
        self.looks += 1
        state = "disabled" if self.looks > self.after else "enabled"
        return Standings(endpoints=[EndpointFacts(name="ops", origin="running", state=state)])


@pytest.mark.parametrize(("after", "looks", "says"), [(2, 3, "Enable"), (1000, 10, "It is not so yet")])
async def test_the_page_waits_for_what_a_button_did(address: str, after: int, looks: int, says: str) -> None:
    endpoints = SlowEndpoints(after)
    async with gateway_over(address, endpoints=endpoints, waits=(0.01,) * 8) as gateway:
        browser = Browser(gateway)
        await browser.sign_in("read", "command")
        await browser.get("/v1/endpoints/ops?expected=disabled")
        assert endpoints.looks == 1, "without a button nothing is waited for"
        endpoints.looks = 0
        browser.cookie += f"; {TOLD}={quote(json.dumps({'outcome': 'done', 'since': '1'}))}"
        page = await browser.get("/v1/endpoints/ops?expected=disabled")
        assert (endpoints.looks, page.status, says in page.page.text) == (looks, 200, True)
        assert [one["_next"] for one in page.page.forms if "_next" in one] == [
            f"/v1/endpoints/ops?expected={'enabled' if after == 2 else 'disabled'}"
        ]
