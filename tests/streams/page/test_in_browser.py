"""What is held of every page, in a real Chromium: readable by everybody, on a phone, without a script, and harmless."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page

from tests.harness.browser import PHONE
from tests.harness.busy import EVIL
from tests.harness.event_logs import event
from tests.harness.pages import EVERY, PAGES, browsing, filled_gateway, follow_link, pressed, visit
from tests.streams.page.elements import BROWSER
from tocsin.streams.ask.positions import Happened, Positions
from tocsin.streams.page.pages import Frame, Pages

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

GRAVE = {"serious", "critical"}
WIDER = """() => [...document.querySelectorAll("body *")].filter(
  one => one.getBoundingClientRect().right > innerWidth + 1 && !one.closest(".wide, pre, .spoken, .skip, thead")
).map(one => one.outerHTML.slice(0, 120)).slice(0, 5)"""


ALL: dict[str, object] = {"resultTypes": ["violations"]}
SEEN: dict[str, object] = {**ALL, "runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}


async def test_axe_finds_nothing_grave_on_any_page(tmp_path: Path) -> None:
    """In the dark only what is to be seen is another."""
    found: dict[str, list[str]] = {}
    async with filled_gateway(tmp_path) as gateway, browsing(gateway, color_scheme="light") as page:
        for name in EVERY:
            await visit(page, name)
            found[name] = await grave(page, ALL)
            await page.emulate_media(color_scheme="dark")
            found[f"{name} in the dark"] = await grave(page, SEEN)
            await page.emulate_media(color_scheme="light")
    assert {name: graves for name, graves in found.items() if graves} == {}


async def grave(page: Page, rules: dict[str, object]) -> list[str]:
    """What axe finds by these rules."""
    said = await Axe().run(page, options=rules)
    return [
        f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in said.response["violations"] if one["impact"] in GRAVE
    ]


async def test_no_page_is_wider_than_a_phone(tmp_path: Path) -> None:
    found: dict[str, object] = {}
    async with filled_gateway(tmp_path) as gateway, browsing(gateway, viewport=PHONE) as page:
        for name in EVERY:
            await visit(page, name)
            wide = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
            beyond = await page.evaluate(WIDER)
            if wide > 0 or beyond:
                found[name] = wide, beyond
    assert found == {}


async def test_every_page_is_harmless_and_whole_without_a_script(tmp_path: Path) -> None:
    """Of a text that means harm nothing runs, nothing is asked for, no control reaches the screen (`open_page` looks
    for the rest). Without JavaScript a page has the same rows and headings, and each button but those that copy works
    there; one is pressed."""
    shown, told = 0, {}
    async with filled_gateway(tmp_path) as gateway:
        async with browsing(gateway) as page:
            for name in EVERY:
                await visit(page, name)
                shown += await harmless(page, name)
                told[name] = await whole(page, "button:not([data-copy])")
        async with browsing(gateway, java_script_enabled=False) as page:
            for name in EVERY:
                await visit(page, name)
                assert await whole(page, "form[action] button[type=submit]") == told[name], name
            await visit(page, "hostile case")
            await pressed(page, "I have it")
            assert await page.locator("p.told").count() == 1
    assert shown > 5, "it is shown, as it stands"


async def harmless(page: Page, name: str) -> bool:
    """Whether the text that means harm is shown, as text."""
    text = await page.inner_text("body")
    assert not set(text) & set("\x1b\u202e"), name
    assert await page.title() != "owned", name
    assert await page.locator("img, body script, iframe, svg script").count() == 0, name
    return "<script>document.title" in text


async def whole(page: Page, pressable: str) -> tuple[int, list[str], list[str]]:
    """How many rows a page has, and what its headings and these buttons of it are."""
    buttons = await page.locator(pressable).all_text_contents()
    return await page.locator("tr").count(), await page.locator("h1, h2, th").all_text_contents(), buttons


async def test_a_search_says_in_its_address_what_was_asked_and_keeps_the_order(tmp_path: Path) -> None:
    """On a phone the heads are links to sort by."""
    async with filled_gateway(tmp_path) as gateway, browsing(gateway, viewport=PHONE) as page:
        await page.goto("/v1/problems")
        async with page.expect_navigation():
            await page.get_by_role("link", name="Severity").click()
        await page.fill("[name=q]", "ledger")
        async with page.expect_navigation():
            await page.get_by_role("button", name="Search").click()
        assert page.url.partition("/v1/")[2] == "problems?sort=severity&q=ledger"


async def test_a_signed_link_leads_to_the_case(tmp_path: Path) -> None:
    async with filled_gateway(tmp_path) as gateway, browsing(gateway) as page:
        await follow_link(page)
        await page.locator("dd a").click()
        await page.wait_for_url(f"**/v1/cases/{EVIL}")
        assert await page.get_by_role("button", name="I have it").count() == 1


class Flood:
    """A `StreamPort`: so many problems as fast as they are taken, again and again when `more` is set."""

    def __init__(self, each: int) -> None:
        self.each, self.told, self.more = each, 0, asyncio.Event()

    async def follow(self, tenant: str, positions: Positions | None, beat: float) -> AsyncGenerator[Happened, None]:
        """The next ones; the position is their number."""
        while True:
            await self.more.wait()
            self.more.clear()
            for _ in range(self.each):
                self.told += 1
                yield event(tenant, 2 * self.told), {"problems": {0: self.told}}
                await asyncio.sleep(0)


async def test_ten_thousand_live_rows_leave_the_memory_of_the_browser_flat(tmp_path: Path) -> None:
    """Counted by Chromium itself after it collected: nodes and bytes, after the first thousand and after all."""
    flood = Flood(1000)
    async with filled_gateway(tmp_path, happening=flood) as gateway, browsing(gateway) as page:
        await page.goto("/v1/home")
        most = int(await page.locator("tbody[data-live]").first.get_attribute("data-most") or 0)
        used = [await after_more(page, flood) for _ in range(11)]
        assert await page.locator("tbody[data-live] tr").count() == most
    first, last = used[0], used[-1]
    assert last["Nodes"] <= first["Nodes"] * 1.1, used
    assert last["JSHeapUsedSize"] <= first["JSHeapUsedSize"] * 1.1 + 200_000, used


async def after_more(page: Page, flood: Flood) -> dict[str, float]:
    """What Chromium uses when it has shown the next of them."""
    flood.more.set()
    last = f"p-{2 * (flood.told + flood.each)}"
    await page.locator(f"tbody[data-live] a[href*='{last}']").first.wait_for()
    chromium = await page.context.new_cdp_session(page)
    await chromium.send("Performance.enable")
    await chromium.send("HeapProfiler.collectGarbage")
    told = await chromium.send("Performance.getMetrics")
    await chromium.detach()
    return {one["name"]: one["value"] for one in told["metrics"] if one["name"] in ("Nodes", "JSHeapUsedSize")}


async def test_the_table_of_pages_has_every_template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that what is held of all pages is held of the next one too."""
    rendered = {"sign-in", "refused"}

    def noting(self: Pages, name: str, document: Mapping[str, Any], frame: Frame) -> str:
        rendered.add(name)
        return render(self, name, document, frame)

    render = Pages.render
    monkeypatch.setattr(Pages, "render", noting)
    async with filled_gateway(tmp_path) as gateway:
        for path in PAGES.values():
            await gateway.get(path, accept=BROWSER)
    there = {path.name.removesuffix(".html") for path in files("tocsin.streams.page").joinpath("templates").iterdir()}
    assert there - rendered == {"document", "layout", "macros", "rows", "case-parts", "timeline-parts"}
