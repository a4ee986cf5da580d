"""People at the pages of a real bus, in a real Chromium: what is published arrives, whoever takes a case has it."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.harness.browser import PHONE, open_browser, open_page
from tests.harness.bus import Bus
from tests.harness.mail_server import MailServer
from tests.harness.pages import sign_in
from tests.harness.receiver import Receiver, rules_for
from tests.harness.wiring import events_on, free_port
from tocsin.schemas.events import EscalationAcknowledged, Event

pytestmark = [
    pytest.mark.kafka, pytest.mark.browser, pytest.mark.timeout(600), pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("pages"),
]  # fmt: skip

PAGED = """\
routes:
  - {name: pages, match: {code: [e.p.page]}, endpoints: [owner, ann], escalate: page}
"""
ANN = """\
endpoints:
  ann: {sink: notify, url: {env: ANN_URL}, allow_private: true}
"""
ESCALATION = """\
escalations:
  page:
    steps:
      - {wait: 1s, endpoints: [owner], repeat: {every: 1s, times: 500}}
"""
EVIL = "<script>document.title='owned'</script><img src=x onerror=alert(1)>\x1b[31m\u202e"
WITHIN = 60_000


class World:
    """A bus with everything, a browser, and whom it tells."""

    def __init__(self, bus: Bus, url: str, key: str, receiver: Receiver, mail: MailServer, browser: Browser) -> None:
        self.bus, self.url, self.key, self.browser = bus, url, key, browser
        self.receiver, self.mail = receiver, mail

    async def publish(self, **document: Any) -> str:
        """A report over HTTP: its id."""
        headers = {"authorization": f"Bearer {self.key}"}
        async with (
            aiohttp.ClientSession(headers=headers) as http,
            http.post(f"{self.url}/v1/problems", json={"code": "e.p.msg", **document}) as answer,
        ):
            assert answer.status == 202, await answer.text()
            return str((await answer.json())["event_id"])

    async def notified(self, report: str) -> dict[str, Any]:
        """The first notification about a report, as its receiver has it."""
        async with asyncio.timeout(120):
            while True:
                for arrival in self.receiver.arrivals:
                    if report in arrival.body.decode():
                        found: dict[str, Any] = arrival.document
                        return found
                await asyncio.sleep(0.05)

    async def mailed(self, text: str) -> str:
        """The link of the first mail about what was reported with this text."""
        async with asyncio.timeout(120):
            while True:
                for message in self.mail.messages:
                    if text in str(message["subject"]):
                        (link,) = re.findall(r"Acknowledge: (\S+)", message.get_content())
                        return str(link)
                await asyncio.sleep(0.05)

    async def steps(self, case: str) -> list[Event]:
        """What became of the escalation of a case, in order."""
        events = await events_on(self.bus.bootstrap, self.bus.prefix, "escalations")
        return [event for event in events if getattr(event, "case", None) == case]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(bootstrap: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    folder, port = tmp_path_factory.mktemp("pages"), free_port()
    url = f"http://127.0.0.1:{port}"
    async with (
        open_browser() as browser,
        Receiver() as receiver,
        MailServer() as mail,
        Bus(bootstrap, f"{folder.name}.", Path(folder)) as bus,
    ):
        bus.rules(rules_for(receiver.url).replace("routes:\n", PAGED).replace("endpoints:\n", ANN, 1) + ESCALATION)
        bus.environment |= {
            "TOCSIN_ANONYMOUS": "off", "TOCSIN_PORT": str(port), "TOCSIN_PUBLIC_URL": url,
            "TOCSIN_LINK_KEY": "a-key-that-nobody-guesses-of-32-signs",
            "ANN_URL": f"mailto://{mail.address}?from=bus@example.org&to=ann@example.org&mode=insecure",
        }  # fmt: skip
        children = [await bus.start(name) for name in ("worker", "dispatch", "project", "gateway")]
        await asyncio.gather(*(child.ready() for child in children))
        code, said = await bus.run("keys", "create", "--scope", "publish", "--scope", "command", "--scope", "read",
                                   "--by", "ann", "--json")  # fmt: skip
        assert code == 0, said
        key = str(json.loads(said.strip().splitlines()[-1])["key"])
        yield World(bus, url, key, receiver, mail, browser)


async def live(page: Page, path: str) -> None:
    """Go there, and wait until its stream of events is open."""
    async with page.expect_response("**/v1/events*") as answered:
        await page.goto(path)
    assert (await answered.value).status == 200
    await asyncio.sleep(0)


@pytest.mark.parametrize("path", ["/v1/home", "/v1/problems"])
async def test_what_is_published_appears_without_loading_the_page_again(path: str, world: World) -> None:
    async with open_page(world.browser, world.url) as page:
        await sign_in(page, world.key)
        await live(page, path)
        text = f"the ledger is silent, as {path} hears"
        await world.publish(text=text, severity="error")
        row = page.locator("tbody[data-live] tr.new").filter(has_text=text)
        await expect(row).to_be_visible(timeout=WITHIN)
        await expect(row).to_contain_text("error")
        await row.get_by_role("link", name=text).click()
        await expect(page.locator("h1")).to_contain_text(text, timeout=WITHIN)


async def test_a_hostile_text_that_appears_is_text(world: World) -> None:
    """`open_page` fails when anything of it runs."""
    async with open_page(world.browser, world.url) as page:
        await sign_in(page, world.key)
        await live(page, "/v1/home")
        await world.publish(text=f"{EVIL} arrives", code=f"e.p.{'<b>x' * 10}", thread_id=EVIL)
        row = page.locator("tbody[data-live] tr.new").filter(has_text="arrives")
        await expect(row).to_contain_text("<script>document.title", timeout=WITHIN)
        assert not set(await row.inner_text()) & set("\x1b\u202e")
        assert await row.locator("script, img, b").count() == 0
        assert "owned" not in await page.title()


async def taps(page: Page, world: World, link: str, text: str) -> None:
    """On a phone, from the mail: its link, and one button. Nobody is signed in."""
    await page.goto(await world.mailed(text))
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await page.get_by_role("button", name="Acknowledge").tap()
    await expect(page.locator("body")).to_contain_text("Done.", timeout=WITHIN)
    await sign_in(page, world.key)
    await page.goto(link)


async def keys(page: Page, world: World, link: str, text: str) -> None:
    """With the keyboard alone, from the page by which one signs in."""
    await page.goto("/sign-in")
    await tabbed(page, "#credential")
    await page.keyboard.type(world.key)
    await tabbed(page, "#name")
    await page.keyboard.type("ann")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/v1/home*")
    await tabbed(page, f"tbody a[href='{link.removeprefix(world.url)}']")
    await page.keyboard.press("Enter")
    await page.wait_for_url(link)
    await tabbed(page, "button:text('I have it')")
    await page.keyboard.press("Enter")
    await done(page)


async def plainly(page: Page, world: World, link: str, text: str) -> None:
    """In a browser that runs no script."""
    await sign_in(page, world.key)
    await page.goto("/v1/home")
    await page.locator(f"tbody a[href='{link.removeprefix(world.url)}']").first.click()
    await page.get_by_role("button", name="I have it").click()
    await done(page)


async def done(page: Page) -> None:
    """The page says so, also to who cannot see."""
    await expect(page.get_by_role("status").filter(has_text="Done")).to_be_visible(timeout=WITHIN)


async def tabbed(page: Page, wanted: str) -> None:
    """Press Tab until that has the focus, as the keyboard has it."""
    target = page.locator(wanted).first
    await expect(target).to_be_visible(timeout=WITHIN)
    for _ in range(400):
        if await target.evaluate("one => one === document.activeElement"):
            assert await target.evaluate("one => one.matches(':focus-visible')"), "where one is, is seen"
            return
        await page.keyboard.press("Tab")
    raise AssertionError(f"{wanted} cannot be reached with Tab")


WAYS: dict[str, tuple[Callable[[Page, World, str, str], Awaitable[None]], dict[str, Any]]] = {
    "by two taps on a phone": (taps, {"viewport": PHONE, "has_touch": True, "is_mobile": True}),
    "with the keyboard alone": (keys, {}),
    "without a script": (plainly, {"java_script_enabled": False}),
}


@pytest.mark.parametrize("how", WAYS)
async def test_who_takes_it_has_it_and_nobody_is_paged_after(how: str, world: World) -> None:
    way, options = WAYS[how]
    text = f"taken {how}"
    report = await world.publish(code="e.p.page", text=text, thread_id=how)
    case, link = str((await world.notified(report))["data"]["case"]), f"{world.url}/v1/problems/{report}"
    async with asyncio.timeout(120):
        while len(await world.steps(case)) < 3:  # noqa: ASYNC110 - it was raised, and somebody is called
            await asyncio.sleep(0.2)
    async with open_page(world.browser, world.url, **options) as page:
        await way(page, world, link, text)
        await expect(page.locator("main")).to_contain_text("acknowledged")
        await expect(page.locator("main")).to_contain_text("ann")
        await expect(page.get_by_role("button", name="I have it")).to_have_count(0)

    # another case is called for several times meanwhile, so this one had its chances
    other = await world.publish(code="e.p.page", text="somebody else's", thread_id=f"other {how}")
    others = str((await world.notified(other))["data"]["case"])
    async with asyncio.timeout(120):
        while len(await world.steps(others)) < 5:  # noqa: ASYNC110
            await asyncio.sleep(0.2)
    assert isinstance((await world.steps(case))[-1], EscalationAcknowledged)
