"""Rows that come in as they happen, in a real Chromium over a log in memory: none is missed, none is there twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from playwright.async_api import expect

from tests.harness.browser import open_browser, open_page
from tests.harness.busy import CASE, EVIL
from tests.harness.event_logs import MemoryTopics, event
from tests.harness.pages import browsing, filled_gateway, sign_in
from tests.harness.projected import PARTITIONS
from tocsin.connectors.people.told import UNPROVEN
from tocsin.connectors.store import Store, address_of
from tocsin.schemas.events import EscalationAcknowledged, ProblemOpened
from tocsin.streams.processes.event_stream import EventStream

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

WITHIN = 60_000

SIGN = "The connection is lost"

NOTED = """() => {
  window.noted = 0;
  new MutationObserver(() => { noted += 1; }).observe(says, { childList: true });
}"""
"""Counts how often something is said at the top of the page."""


async def as_projected(topics: MemoryTopics, folder: Path) -> None:
    """The log that the store was filled from, which has nothing of it any more but its offsets."""
    async with Store(address_of(f"sqlite:///{folder / 'store.db'}")) as store:
        for one in await store.progress():
            if (one.topic, one.partition) in topics.records:
                topics.append((one.topic, one.partition), *[event("nobody", 1)] * one.next)


def opened(report: str, number: int) -> ProblemOpened:
    """What was decided about a report."""
    told = event("acme", 2 * number)
    assert isinstance(told, ProblemOpened)
    return msgspec.structs.replace(told, event_id=f"o-{report}-{number}", report=report)


def claimed(told: ProblemOpened) -> ProblemOpened:
    """The same, if nothing proves who says it."""
    source = msgspec.structs.replace(told.problem.source, trust="claimed")
    return msgspec.structs.replace(told, problem=msgspec.structs.replace(told.problem, source=source))


@pytest.mark.parametrize("path", ["/v1/home", "/v1/problems"])
async def test_what_happens_between_the_page_and_its_stream_is_told_once(path: str, tmp_path: Path) -> None:
    """The store has not all of what is in the log when the page is asked for; a row that is there is not there again,
    but for one about which nothing was decided: that one is replaced."""
    topics, rows = MemoryTopics(PARTITIONS), "tbody[data-live] tr:has(a[href='/v1/problems/{}'])"
    stream = EventStream(topics.reader, asyncio.Event())
    async with filled_gateway(tmp_path, happening=stream) as gateway, browsing(gateway) as page:
        await as_projected(topics, tmp_path)
        topics.append(("problems", 0), opened("p-evil", 1), opened("p-late", 2))
        await page.goto(path)
        await expect(page.locator(rows.format("p-late"))).to_have_count(1, timeout=WITHIN)
        topics.append(("problems", 1), opened("p-late", 3), claimed(opened("p-last", 4)))
        await expect(page.locator(rows.format("p-last"))).to_have_count(1, timeout=WITHIN)
        await expect(page.locator(f"tr.new:has-text('{UNPROVEN}')")).to_have_count(1)
        await expect(page.locator(rows.format("p-last"))).to_contain_text(UNPROVEN)
        for report in ("p-evil", "p-late"):
            assert await page.locator(rows.format(report)).count() == 1, report
        assert await page.locator("tr.new").count() == 2


async def test_a_row_of_which_nothing_was_decided_is_replaced_when_it_is(tmp_path: Path) -> None:
    """It stays where it is."""
    topics = MemoryTopics(PARTITIONS)
    stream = EventStream(topics.reader, asyncio.Event())
    async with filled_gateway(tmp_path, happening=stream) as gateway, browsing(gateway) as page:
        await as_projected(topics, tmp_path)
        await page.goto("/v1/problems")
        await page.locator("tbody[data-live] tr[data-id='p-057']").evaluate("row => row.dataset.undecided = ''")
        topics.append(("problems", 0), opened("p-057", 1), opened("p-last", 2))
        await expect(page.locator("tr.new[data-id='p-last']")).to_have_count(1, timeout=WITHIN)
        row = page.locator("tr[data-id='p-057']")
        await expect(row).to_have_count(1, timeout=WITHIN)
        await expect(row).to_contain_text("ProblemOpened", timeout=WITHIN)


class Way:
    """What stands between a browser and a gateway, on a port of its own, and can be away."""

    def __init__(self, to: int) -> None:
        self._to, self.port = to, 0
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def come(self) -> None:
        """Take connections, on the port that it had."""
        self._server = await asyncio.start_server(self._took, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def go(self) -> None:
        """Refuse connections, and end those that there are."""
        assert self._server is not None
        self._server.close()
        for one in self._open:
            one.transport.abort()

    async def _took(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._to)
        self._open |= {writer, back}
        try:
            await asyncio.wait(
                [asyncio.ensure_future(self._pass(*one)) for one in ((reader, back), (there, writer))],
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            self._open -= {writer, back}
            writer.transport.abort()
            back.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass  # it was ended


@asynccontextmanager
async def way_to(port: int) -> AsyncIterator[Way]:
    """A way that is there."""
    way = Way(port)
    await way.come()
    try:
        yield way
    finally:
        await way.go()


async def test_that_the_gateway_is_away_is_said_until_it_is_back(tmp_path: Path) -> None:
    """What happened meanwhile comes once."""
    topics = MemoryTopics(PARTITIONS)
    stream, rows = EventStream(topics.reader, asyncio.Event()), "tr.new[data-id='{}']"
    async with filled_gateway(tmp_path, happening=stream) as gateway, open_browser() as browser:
        await as_projected(topics, tmp_path)
        port = gateway.http._base_url.port  # type: ignore[union-attr]
        async with way_to(port or 0) as way, open_page(browser, f"http://127.0.0.1:{way.port}") as page:
            await sign_in(page, gateway.acme["authorization"].removeprefix("Bearer "))
            topics.append(("problems", 0), opened("p-before", 1))
            await expect(page.locator(rows.format("p-before"))).to_have_count(1, timeout=WITHIN)
            sign = page.locator(".live")
            await expect(sign).to_be_hidden()
            await way.go()
            await expect(sign).to_contain_text(SIGN, timeout=WITHIN)
            topics.append(("problems", 0), opened("p-meanwhile", 2))
            await way.come()
            await expect(sign).to_be_hidden(timeout=WITHIN)
            topics.append(("problems", 0), opened("p-after", 3))
            await expect(page.locator(rows.format("p-after"))).to_have_count(1, timeout=WITHIN)
            for report in ("p-before", "p-meanwhile"):
                assert await page.locator(rows.format(report)).count() == 1, report


def taken(case: str, number: int) -> EscalationAcknowledged:
    """Somebody has it."""
    at = 10**15 + number
    return EscalationAcknowledged(
        event_id=f"taken-{number}", tenant="acme", occurred_at=at, recorded_at=at, case=case, by="<b>bo</b>", why=""
    )  # fmt: skip


@pytest.mark.parametrize("path", [f"/v1/cases/{EVIL}", "/v1/cases", "/v1/home"])
async def test_a_page_says_that_somebody_took_a_case(path: str, tmp_path: Path) -> None:
    """A case's page says nothing of another case, or of what it has already; all have a link that loads them again."""
    topics = MemoryTopics(PARTITIONS)
    stream, of_one = EventStream(topics.reader, asyncio.Event()), path.endswith(EVIL)
    async with filled_gateway(tmp_path, happening=stream) as gateway, browsing(gateway) as page:
        await as_projected(topics, tmp_path)
        await page.goto(path)
        said = page.locator(".live")
        await expect(said).to_be_hidden()
        await page.evaluate(NOTED)
        if of_one:
            topics.append(("problems", 0), msgspec.structs.replace(opened("p-evil", 1), case=EVIL))
            topics.append(("problems", 0), msgspec.structs.replace(opened("p-other", 2), case=CASE))
            topics.append(("problems", 0), msgspec.structs.replace(opened("p-next", 3), case=EVIL))
            await expect(said).to_contain_text("problem opened", timeout=WITHIN)
            assert await page.evaluate("noted") == 1
        topics.append(("escalations", 0), taken(EVIL, 2))
        await expect(said).to_contain_text("escalation acknowledged by <b>bo</b>", timeout=WITHIN)
        async with page.expect_navigation():
            await page.get_by_role("link", name="Load again").click()
        assert page.url.endswith(path)
