"""A real Chromium, Debian's, for tests of pages: found on PATH, each with a profile of its own, asking nobody else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from playwright.async_api import Browser, Page, async_playwright

from tests.harness.extras import needs

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
)  # fmt: skip

PHONE = {"width": 375, "height": 720}
DESK = {"width": 1280, "height": 800}


@asynccontextmanager
async def open_browser() -> AsyncIterator[Browser]:
    """A browser with an empty profile, which ends with the block."""
    path = needs(*NAMES)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def open_page(browser: Browser, base: str, **options: Any) -> AsyncIterator[Page]:
    """A page of a person of its own (cookies), at a desk unless `viewport` says otherwise. The block fails if the page
    broke its own rules: an error of a script, something that the policy forbids, or a request to anybody else."""
    context = await browser.new_context(base_url=base, **{"viewport": DESK} | options)
    troubles: list[str] = []
    page = await context.new_page()
    page.set_default_timeout(60_000)
    page.on("pageerror", lambda error: troubles.append(f"error: {error}"))
    page.on("dialog", lambda dialog: troubles.append(f"dialog: {dialog.message}"))
    page.on(
        "console",
        lambda said: troubles.append(f"console: {said.text}") if "Content Security Policy" in said.text else None,
    )
    page.on("request", lambda asked: None if asked.url.startswith((base, "data:")) else troubles.append(asked.url))
    try:
        yield page
        assert troubles == []
    finally:
        await context.close()
