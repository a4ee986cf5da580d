"""Every page that can be reached: it is there, what strangers wrote is text on it, and nothing foreign is loaded or
run."""

from __future__ import annotations

import re

import pytest

from tests.streams.ask.conftest import Gateway
from tests.streams.page.elements import BROWSER, Elements

OURS = {
    "html", "head", "meta", "title", "link", "script", "body", "header", "nav", "main", "div", "span", "form", "input",
    "button", "label", "select", "option", "details", "summary", "h1", "h2", "h3", "dl", "dt", "dd", "ul", "ol", "li",
    "a", "p", "b", "small", "code", "pre", "time", "table", "caption", "thead", "tbody", "template", "tr", "th", "td",
    "svg", "polyline", "path", "section", "footer", "textarea", "circle", "line", "text", "g", "rect", "em",
}  # fmt: skip
"""The elements that we write."""

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
WITHOUT = ("/v1/subscriptions", "/docs", "/openapi.json")
"""Endpoints have a service of their own behind them: tests/e2e."""


async def crawled(gateway: Gateway) -> dict[str, tuple[str, dict[str, str]]]:
    """Every page by its path, from the first one on, with its headers."""
    found: dict[str, tuple[str, dict[str, str]]] = {}
    ahead = ["/v1/home"]
    while ahead:
        path = ahead.pop()
        if path in found or path.startswith(WITHOUT) or "sort=" in path or "form=" in path:
            continue
        answer = await gateway.get(path, accept=BROWSER)
        assert answer.status == 200, (path, answer.status, answer.text[:300])
        found[path] = answer.text, dict(answer.headers)
        links = [link for link in Elements(answer.text).links if not link.startswith("#")]
        assert all(link.startswith("/") for link in links), (path, links)
        ahead += links
    return found


async def test_what_strangers_wrote_is_text_on_every_page_and_no_link_leads_nowhere(shown: Gateway) -> None:
    pages = await crawled(shown)
    assert len(pages) > 30, list(pages)
    for path, (page, headers) in pages.items():
        elements = Elements(page)
        assert elements.tags <= OURS, (path, elements.tags - OURS)
        assert not {name for name in elements.attributes if name.startswith("on")} | elements.attributes & {"style"}
        assert page.count("<script") == 2
        assert not CONTROL.search(page), path
        assert not re.search(r"(?<!%1B)\[31m", page), path
        assert headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self'; script-src 'self'")
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
        assert "cookie" in headers["Vary"]
        assert headers["Cache-Control"] == "private, no-cache"
    hostile = Elements(pages["/v1/problems/p-evil"][0])
    assert hostile.text.count("<script>alert(1)</script>") >= 6


@pytest.mark.parametrize("path", ["/v1/problems/p-evil", "/v1/cases/case-evil", "/v1/problems?q=alert", "/v1/home"])
async def test_nothing_is_hidden_by_a_filter_that_a_template_forgot(shown: Gateway, path: str) -> None:
    """Jinja's own syntax in a text is shown as it is."""
    answer = await shown.get(path, accept=BROWSER)
    assert answer.status == 200
    assert "&lt;script&gt;" in answer.text or "alert" not in answer.text
