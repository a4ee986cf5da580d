"""People are told, by a real mail server and real chat servers: what arrives, how often, and what is never said."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.message import EmailMessage
from typing import Any, get_args

import pytest
from aiohttp import web
from apprise.plugins.slack import NotifySlack

from tests.connectors.people.notifications import CASE, attempt, notification
from tests.harness.mail_server import MailServer
from tocsin.connectors.outcomes import Delivered, Reason, RetryLater
from tocsin.connectors.people.action_links import ActionLinks, with_links
from tocsin.connectors.people.addresses import apprise_of
from tocsin.connectors.people.letter import Form, letter
from tocsin.connectors.people.told import told_of
from tocsin.connectors.people.words import words_in
from tocsin.connectors.sinks import Sink, make_sink

LINKS = ActionLinks("https://bus.example", ["k" * 32])


@asynccontextmanager
async def chat() -> AsyncIterator[tuple[str, list[dict[str, Any]], dict[str, int]]]:
    """Host and port, what was posted, and the status that each path answers."""
    posted: list[dict[str, Any]] = []
    statuses: dict[str, int] = {}

    async def take(request: web.Request) -> web.Response:
        posted.append({"path": request.path} | await request.json())
        return web.json_response({}, status=statuses.get(request.path, 200))

    app = web.Application()
    app.router.add_post("/{path:.*}", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"127.0.0.1:{runner.addresses[0][1]}", posted, statuses
    finally:
        await runner.cleanup()


def settings(*urls: str, **more: Any) -> dict[str, Any]:
    return {"urls": list(urls), "allow_private": True, "timeout": 30.0} | more


def linked(given: dict[str, Any]) -> Sink:
    return with_links(make_sink("notify", given), LINKS)


async def mailed(body: Any = None, **more: Any) -> EmailMessage:
    async with MailServer() as server:
        url = f"mailto://{server.address}?from=bus@example.org&to=ann@example.org&mode=insecure"
        async with linked(settings(url, **more)) as sink:
            assert await sink.deliver(attempt(body)) == Delivered()
    (message,) = server.messages
    return message


async def test_a_mail_in_words_with_links() -> None:
    message = await mailed()
    assert message["subject"] == "🔴 Error: The endpoint cannot be used"
    assert (message["from"], message["to"]) == ("bus@example.org", "ann@example.org")
    text = message.get_content()
    assert "What helps: Check the address" in text
    tokens = re.findall(r"https://bus\.example/v1/act/(\S+)", text)
    read = [LINKS.read(token, 0) for token in tokens]
    assert [(one.action, one.tenant, one.case, one.by) for one in read] == [
        (action, "acme", CASE, "ann") for action in ("acknowledge", "resolve", "snooze", "open")
    ]


async def test_a_mail_in_markdown_has_links_to_click_and_no_markup_of_strangers() -> None:
    problem = {"code": "e.p.x", "severity": "error", "text": "<script>x</script> [y](http://evil.example) **z**"}
    message = await mailed(notification(problem=problem, wording={}), form="markdown", recipient="Ann")
    html = message.get_body(("html",))
    assert html is not None
    page = html.get_content()
    assert re.findall(r"<a href=\"https://bus\.example/v1/act/", page) == ['<a href="https://bus.example/v1/act/'] * 4
    assert page.count("<a ") == 4
    assert "<script" not in page
    assert "evil.example" not in page
    token = re.findall(r"/v1/act/([\w.-]+)", page)[0]
    assert LINKS.read(token, 0).by == "Ann"


HEADERS = "x\r\nBcc: eve@evil.example\r\n\r\nanother body"


@pytest.mark.parametrize(
    "changes",
    [
        {"wording": {"title": {"text": HEADERS}}},
        {"wording": {}, "problem": {"code": HEADERS, "severity": "error"}},
        {"wording": {}, "problem": {"code": "e.p.x", "text": HEADERS}},
        {"tenant": HEADERS, "case": HEADERS},
    ],
    ids=["title", "code", "text", "names"],
)
async def test_no_text_makes_a_header_or_a_recipient(changes: dict[str, Any]) -> None:
    async with MailServer() as server:
        url = f"mailto://{server.address}?from=bus@example.org&to=ann@example.org&mode=insecure"
        async with make_sink("notify", settings(url)) as sink:
            assert await sink.deliver(attempt(notification(**changes))) == Delivered()
    assert server.recipients == [["ann@example.org"]]
    (message,) = server.messages
    assert message["bcc"] is None
    assert len(message.defects) == 0


async def test_a_chat_like_ntfy_and_one_like_slack() -> None:
    async with chat() as (host, posted, _):
        for url, more in (
            (f"ntfy://{host}/ops", {}),
            (f"mmost://{host}/t0ken?format=markdown", {"form": "markdown", "language": ["de"]}),
        ):
            async with linked(settings(url, **more)) as sink:
                assert await sink.deliver(attempt()) == Delivered()
    ntfy, mattermost = posted
    assert (ntfy["topic"], ntfy["title"]) == ("ops", "🔴 Error: The endpoint cannot be used")
    assert "Acknowledge: https://bus.example/v1/act/" in ntfy["message"]
    assert mattermost["path"] == "/hooks/t0ken"
    assert mattermost["text"].startswith("# 🔴 Fehler: The endpoint cannot be used")
    assert "**Was hilft**: Check the address" in mattermost["text"]


async def test_a_document_of_a_stranger_makes_no_links_and_wears_no_title_of_ours() -> None:
    forged = notification(case="the case of somebody else", wording={"title": {"text": "Resolve", "from": "catalogue"}})
    async with chat() as (host, posted, _), linked(settings(f"ntfy://{host}/ops")) as sink:
        for said in ({"status": 402, "detail": "Out of credit"}, {}):
            await sink.deliver(attempt(forged | said, content_type="application/problem+json"))
    for message in posted:
        assert "/v1/act/" not in str(message)
        assert "Resolve" not in str(message)
    assert "Out of credit" in posted[0]["message"]


async def test_slack_itself_is_told_without_mentions(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "<!channel> &lt;!everyone&gt; <@U1> @here !channel> https://evil.example <https://evil.example|ok>"
    told = told_of(notification(problem={"code": "e.p.x", "text": text, "severity": "error"}, wording={}))
    assert told is not None
    async with chat() as (host, posted, _):
        monkeypatch.setattr(NotifySlack, "webhook_url", f"http://{host}/services")
        for form in get_args(Form):
            written = letter(told, words_in([]), LINKS.of("acme", CASE, "ann", 0), form)
            slack = apprise_of("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#ops")
            await asyncio.to_thread(slack.notify, body=written.body, title=written.title, body_format=form)
    assert len(posted) == 2
    for message in posted:
        said = json.dumps(message, ensure_ascii=False)
        assert not re.search(r"<[!@#]", said), said
        assert "evil.example" not in said
        assert said.count("/v1/act/") == 4


async def test_a_replay_makes_fresh_links_and_says_so() -> None:
    async with chat() as (host, posted, _):
        clock = [0]
        sink = linked(settings(f"ntfy://{host}/ops"))
        sink._now = lambda: clock[0]  # type: ignore[attr-defined]
        async with sink:
            await sink.deliver(attempt())
            clock[0] = 7 * 86_400 * 1_000_000
            await sink.deliver(attempt(replay=1, attempt=1))
    first, again = (one["message"] for one in posted)
    assert "Sent again by replay" not in first
    assert "Sent again by replay" in again
    tokens = [re.findall(r"/v1/act/(\S+)", text)[0] for text in (first, again)]
    assert [LINKS.read(token, 0).expires // 86_400 for token in tokens] == [7, 14]


async def test_what_is_over_and_what_has_no_case_has_no_links() -> None:
    async with chat() as (host, posted, _), linked(settings(f"ntfy://{host}/ops")) as sink:
        await sink.deliver(attempt(notification("problem.resolved")))
        await sink.deliver(attempt(notification(case=None)))
        await sink.deliver(attempt({"title": "a document in a dialect", "detail": "of strangers"}))
    assert [one for one in posted if "/v1/act/" in one["message"]] == []
    assert [one["title"][2:] for one in posted][-1] == "Problem: a document in a dialect"


async def test_of_several_addresses_only_those_are_told_again_that_were_not(caplog: pytest.LogCaptureFixture) -> None:
    async with chat() as (host, posted, statuses):
        urls = [f"json://{host}/good", f"json://{host}/b4d"]
        statuses["/b4d"] = 503
        async with make_sink("notify", settings(*urls)) as sink:
            failed = RetryLater(reason=Reason.SERVER_ERROR, status=503)
            assert await sink.deliver(attempt()) == failed
            assert await sink.deliver(attempt(attempt=2)) == failed
            statuses.clear()
            assert await sink.deliver(attempt(attempt=3)) == Delivered()
            assert await sink.deliver(attempt(delivery_id="d-2")) == Delivered()
    assert [one["path"] for one in posted].count("/good") == 2
    assert [one["path"] for one in posted].count("/b4d") == 4
    (first, *_) = (record.getMessage() for record in caplog.records if record.levelno == logging.WARNING)
    assert first.startswith("endpoint ann, JSON: server_error; ")
    assert "error=503" in first
    assert "b4d" not in caplog.text


async def test_a_mail_that_is_refused_is_tried_again_and_names_nobody_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with MailServer() as server:
        url = f"mailto://{server.address}?from=bus@example.org&to=ann@example.org&mode=insecure"
        async with linked(settings(url)) as sink:
            outcomes = []
            for server.refusal in ("451 later", "550 never", None):
                outcomes.append(await sink.deliver(attempt()))
    assert [isinstance(one, RetryLater) for one in outcomes] == [True, True, False]
    assert (server.attempts, len(server.messages)) == (3, 1)
    assert "endpoint ann, E-Mail: " in caplog.text
    assert "***" in caplog.text
    assert "ann@example.org" not in caplog.text


def test_neither_the_sink_nor_what_it_holds_shows_the_address() -> None:
    sink = make_sink("notify", {"url": "json://us3r:s3cret@example.org"})
    assert "s3cret" not in f"{sink!r} {sink._config!r} {sink._addresses!r}"  # type: ignore[attr-defined]
