"""The pages of peers, loops, dead letters, endpoints and trials: what is on them, and what their forms do. Every
text of a stranger on them is hostile."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import quote

import pytest

from tests.connectors.gateway.test_scopes import HeldEndpoints, HeldLetters, a_letter
from tests.streams.ask.conftest import Gateway, fill, gateway_over
from tests.streams.ask.test_peers import BOB, PEERS
from tests.streams.ask.world import EVIL, EVIL_PEER
from tests.streams.page.elements import BROWSER, Elements
from tests.streams.page.test_forms_and_sign_in import Browser
from tests.streams.page.test_hostile_text import CONTROL, OURS
from tocsin.streams.ask.dead_facts import ReplayOutcome
from tocsin.streams.ask.endpoint_facts import EndpointFacts, PeerHeld
from tocsin.streams.page.wording import told_text

ALL = "since=2020-01-01T00:00:00Z"
EVIL_PATH = quote(EVIL_PEER, safe="")
NAME = EVIL.replace("\n", " ")
FAILING = EndpointFacts(
    name=NAME, origin="running", sink=EVIL, to=EVIL, audience="owner", body=EVIL, state="failing", breaker=EVIL,
    last_error=EVIL, parked=3, failures=7, since="2026-11-30T10:00:00Z",
)  # fmt: skip


@pytest.fixture
def letters() -> HeldLetters:
    return HeldLetters(**{
        "1:2": a_letter("acme", {"problem": {"text": EVIL}}, headers={EVIL: EVIL}),
        "1:3": a_letter("acme", text=EVIL, claimed=True, refusal="it may be forged"),
        "1:4": a_letter("acme", {"x": EVIL}, replayed=True),
    })  # fmt: skip


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    found = f"sqlite:///{tmp_path_factory.mktemp('pages') / 'store.db'}"
    fill(found, PEERS)
    return found


@pytest.fixture
async def gateway(address: str, letters: HeldLetters) -> AsyncIterator[Gateway]:
    known = HeldEndpoints(acme=FAILING)
    known.held = [PeerHeld(endpoint=EVIL, breaker=EVIL, held_by=EVIL, failures=2)]
    async with gateway_over(address, endpoints=known, letters=letters) as gateway:
        yield gateway


async def _page(gateway: Gateway, path: str) -> Elements:
    answer = await gateway.get(path, accept=BROWSER)
    assert (answer.status, answer.headers["Content-Type"].partition(";")[0]) == (200, "text/html"), answer.text[:400]
    assert not CONTROL.search(answer.text), path
    elements = Elements(answer.text)
    assert elements.tags <= OURS, (path, elements.tags - OURS)
    assert not {name for name in elements.attributes if name.startswith("on")} | elements.attributes & {"style"}
    return elements


PAGES = {
    f"/v1/peers?{ALL}": [BOB, "Rules broken"],
    f"/v1/peers/{BOB}?{ALL}": [
        "issue-credential/2.0/offer-credential", "10.0 s", "19.0 s", "give up", "to and fro", "code-not-lower-case",
        "# Problem reports of `did:example:bob`",
    ],
    f"/v1/peers/{EVIL_PATH}?{ALL}": ["<script>alert(1)</script>", "# Problem reports of"],
    f"/v1/loops?{ALL}": ["Two parties sent each other reports", "ping_pong"],
    "/v1/dead": ["No such dead letter"],
    "/v1/dead/1:2": ["<script>alert(1)</script>", "Replay"],
    "/v1/dead/1:3": ["It cannot be replayed: it may be forged", "<script>alert(1)</script>", "so it claims"],
    "/v1/dead/1:4": ["Replay it once more"],
    "/v1/endpoints": ["<script>alert(1)</script>", "failing"],
    f"/v1/endpoints/{quote(NAME, safe='')}": ["<script>alert(1)</script>", "Last error", "Disable", "Send a ping"],
    "/v1/try": ["Paste a problem document", "first report of its thread"],
}  # fmt: skip


@pytest.mark.parametrize(("path", "texts"), PAGES.items(), ids=PAGES)
async def test_a_page_says_what_is_known(gateway: Gateway, path: str, texts: list[str]) -> None:
    elements = await _page(gateway, path)
    for text in texts:
        assert text in elements.text, text


async def test_every_column_of_a_list_sorts(gateway: Gateway) -> None:
    for path in (f"/v1/peers?{ALL}", f"/v1/loops?{ALL}", f"/v1/endpoints?{ALL}"):
        links = [link for link in (await _page(gateway, path)).links if "sort=" in link]
        assert len(links) >= 4, path
        for link in links:
            await _page(gateway, link)


@pytest.mark.parametrize("path", [f"/v1/peers?{ALL}&sort=peer", f"/v1/loops?{ALL}&sort=code", "/v1/cases?sort=count"])
async def test_a_filter_keeps_the_order(gateway: Gateway, path: str) -> None:
    text = (await gateway.get(path, accept=BROWSER)).text
    assert f'name="sort" value="{path.rpartition("=")[2]}"' in text


async def test_a_trial_on_the_page(gateway: Gateway) -> None:
    elements = await _try(gateway, '{"code": "e.p.x", "text": "the road is gone"}')
    for text in ("Told", "unrouted", "the road is gone", "Which routes take it", "ProblemOpened"):
        assert text in elements.text, text
    elements = await _try(gateway, EVIL)
    assert "The body cannot be parsed" in elements.text
    assert "<script>alert(1)</script>" in elements.text, "what was pasted is still there"


async def _try(gateway: Gateway, document: str) -> Elements:
    async with gateway.http.post(
        "/v1/try", data={"document": document, "dialect": "auto", "at": ""}, headers=_form(gateway)
    ) as answer:
        page = await answer.text()
        assert answer.status == 200, page[:300]
        assert not CONTROL.search(page)
        return Elements(page)


def _form(gateway: Gateway) -> dict[str, str]:
    host = f"{gateway.http._base_url}".rstrip("/")
    return {**gateway.acme, "accept": BROWSER, "origin": host, "sec-fetch-site": "same-origin"}


async def test_a_replay_by_the_button_says_what_came_of_it(gateway: Gateway, letters: HeldLetters) -> None:
    browser = Browser(gateway)
    await browser.sign_in()
    page, signed_in = "/v1/dead/1:2", browser.cookie

    async def press(**fields: str) -> str:
        answer = await browser.post(f"{page}/replay", {"_next": page} | fields)
        assert (answer.status, answer.headers["location"]) == (303, page)
        told = answer.headers.getall("set-cookie")[0].partition(";")[0]
        browser.cookie = f"{signed_in}; {told}"
        return (await browser.get(page)).page.text

    assert "Replayed. It is on tocsin.inbox again." in await press()
    letters.outcome = ReplayOutcome(outcome="refused", detail="It cannot be replayed: it may be forged.")
    said = await press(**{"again:json": "true"})
    assert "Nothing was done: Nothing was replayed. It cannot be replayed: it may be forged." in said
    assert [again for _, _, _, again in letters.replayed] == [False, True]


async def test_a_form_of_another_page_replays_nothing(gateway: Gateway, letters: HeldLetters) -> None:
    headers = _form(gateway) | {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}
    async with gateway.http.post("/v1/dead/1:2/replay", data={"_next": "/v1/dead"}, headers=headers) as answer:
        assert answer.status in (403, 415)
    assert letters.replayed == []


async def test_who_only_reads_has_no_buttons(gateway: Gateway) -> None:
    reads = gateway.keyring.header("acme", "read")
    for path in ("/v1/dead/1:2", f"/v1/endpoints/{quote(NAME, safe='')}"):
        answer = await gateway.get(path, reads, accept=BROWSER)
        assert answer.status == 200
        assert 'class="action"' not in answer.text, path


@pytest.mark.parametrize("outcome", ["delivered", "retry_later", "rejected"])
def test_what_came_of_a_ping_is_said_as_it_was(outcome: str) -> None:
    said = told_text({"outcome": outcome})
    assert ("was taken" in said) is (outcome == "delivered")
    assert "Nothing was done" not in said
