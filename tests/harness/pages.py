"""Every page that a person may come to, over the store of `busy`: what is held of all pages is tested by this table."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from playwright.async_api import Page

from tests.connectors.gateway.test_scopes import LINK_KEY, HeldEndpoints, HeldLetters, a_letter
from tests.connectors.gateway.test_silences import ListedSilences
from tests.harness.browser import open_browser, open_page
from tests.harness.busy import CASE, EVIL, HOSTILE, PEERS, THREAD, busy_story
from tests.harness.stored import take_up
from tests.streams.ask.conftest import Gateway, gateway_over
from tests.streams.ask.test_dead import fill_letters
from tocsin.connectors.people.action_links import OPEN, PATH, ActionLinks, Answer
from tocsin.schemas.events import SilenceSet
from tocsin.streams.ask.endpoint_facts import EndpointFacts, Standings

PAGES: dict[str, str] = {
    "home": "/v1/home",
    "problems": "/v1/problems",
    "search": "/v1/problems?q=ledger",
    "no problems": "/v1/problems?q=nothinglikethis",
    "problem": "/v1/problems/p-000",
    "hostile problem": "/v1/problems/p-evil",
    "cases": "/v1/cases",
    "case": f"/v1/cases/{CASE}",
    "hostile case": f"/v1/cases/{EVIL}",
    "thread": f"/v1/threads/{THREAD}",
    "hostile thread": f"/v1/threads/{quote(HOSTILE[:80], safe='')}",
    "record": "/v1/records/issuance/cred-ex-0",
    "connections": "/v1/connections",
    "connection": "/v1/connections/connection-0",
    "deliveries": "/v1/deliveries?about=p-000",
    "delivery": "/v1/deliveries/d-p-000",
    "peers": "/v1/peers",
    "peer": f"/v1/peers/{quote(PEERS[0], safe='')}",
    "hostile peer": f"/v1/peers/{quote(HOSTILE[:90], safe='')}",
    "loops": "/v1/loops",
    "endpoints": "/v1/endpoints",
    "endpoint": "/v1/endpoints/ops-webhook",
    "dead letters": "/v1/dead",
    "dead letter": "/v1/dead/1:2",
    "hostile dead letter": "/v1/dead/1:3",
    "try": "/v1/try",
    "silences": "/v1/silences",
    "statistics": "/v1/statistics",
    "not found": "/v1/cases/nothing",
    "refused": "/v1/problems?since=yesterday",
}
"""Name -> path. The page by which one signs in is what they all are for a stranger."""

SIGN_IN = "/sign-in"

A_DOCUMENT = """{"code": "ledger_timeout", "text": "<script>document.title='owned'</script>", "severity": "error"}"""


async def try_out(page: Page, document: str) -> None:
    """Paste a document, and see what would happen."""
    await page.goto("/v1/try")
    await page.fill("#document", document)
    await pressed(page, "Try")


async def silence_in_vain(page: Page) -> None:
    """Send a form that is refused."""
    await page.goto("/v1/silences")
    await page.locator("[name='matchers.0.operator']").select_option("matches")
    await page.fill("[name='matchers.0.value']", "(")
    await pressed(page, "Silence")


async def follow_link(page: Page) -> None:
    """Open a link of a notification that asks what to do."""
    answer = Answer(tenant="acme", case=EVIL, action=OPEN, by=HOSTILE[:60], expires=int(time.time()) + 3600)
    await page.goto(PATH + ActionLinks("http://localhost", [LINK_KEY]).token(answer))


async def take_by_link(page: Page) -> None:
    """Do what it asks."""
    await follow_link(page)
    await pressed(page, "Acknowledge")


async def pressed(page: Page, button: str) -> None:
    """What comes of a button."""
    async with page.expect_navigation():
        await page.get_by_role("button", name=button, exact=True).click()


BY_HAND: dict[str, Callable[[Page], Awaitable[object]]] = {
    "sign in": lambda page: page.goto(SIGN_IN),
    "tried": lambda page: try_out(page, A_DOCUMENT),
    "tried in vain": lambda page: try_out(page, "{" + HOSTILE[:60]),
    "form refused": silence_in_vain,
    "link": follow_link,
    "taken by link": take_by_link,
}
"""Pages without a path of their own, and how one comes there."""

EVERY = (*PAGES, *BY_HAND)


async def visit(page: Page, name: str) -> None:
    """Go to one of EVERY."""
    await (BY_HAND[name](page) if name in BY_HAND else page.goto(PAGES[name]))


ENDPOINTS = [
    EndpointFacts(name="ops-webhook", origin="file", sink="webhook", to="https://ops.harbour.example", state="enabled",
                  audience="operators", body="notification", since="2026-11-01T10:00:00Z"),
    EndpointFacts(name="oncall-mail", origin="running", sink="notify", state="failing", breaker="open", parked=3,
                  failures=7, last_error="timeout", held_by="breaker", since="2026-11-30T10:00:00Z"),
    EndpointFacts(name=HOSTILE[:90], origin="running", sink=HOSTILE[:60], to=HOSTILE[:60], state="disabled",
                  last_error=HOSTILE),
]  # fmt: skip


class BusyEndpoints(HeldEndpoints):
    """Several of acme's, in each state."""

    async def every(self, tenant: str, *, everything: bool, told: Sequence[str]) -> Standings:
        """All of them."""
        return Standings(endpoints=ENDPOINTS if tenant == "acme" else [])


def busy_letters() -> HeldLetters:
    """One that can be replayed, and one that means harm and cannot."""
    return HeldLetters(**{
        "1:2": a_letter("acme", {"problem": {"code": "e.p.msg", "text": "Cannot use https://agents.r.us/inbox"}}),
        "1:3": a_letter("acme", text=HOSTILE, claimed=True, refusal="it may be forged", headers={HOSTILE: HOSTILE}),
    })  # fmt: skip


@asynccontextmanager
async def filled_gateway(folder: Path, **more: Any) -> AsyncIterator[Gateway]:
    """A gateway with a day behind it."""
    address = f"sqlite:///{folder / 'store.db'}"
    story, silences = busy_story("acme", time.time_ns() // 1000), ListedSilences()
    silences.stored = [event for _, _, event in story if isinstance(event, SilenceSet)]
    await take_up(address, story)
    await fill_letters(address)
    held: dict[str, Any] = {"endpoints": BusyEndpoints(), "letters": busy_letters()}
    held |= {"silences": silences, "tenant_streams": 0}
    async with gateway_over(address, **held | more) as gateway:
        yield gateway


@asynccontextmanager
async def browsing(gateway: Gateway, **options: Any) -> AsyncIterator[Page]:
    """A person who is signed in as acme, in a browser of its own."""
    base = str(gateway.http._base_url).rstrip("/")
    async with open_browser() as browser, open_page(browser, base, **options) as page:
        await sign_in(page, gateway.acme["authorization"].removeprefix("Bearer "))
        yield page


async def sign_in(page: Page, key: str, name: str = "ann") -> None:
    """By the form, as people do."""
    await page.goto(SIGN_IN)
    await page.fill("#credential", key)
    await page.fill("#name", name)
    await page.click("button.main")
    await page.wait_for_url("**/v1/home*")
