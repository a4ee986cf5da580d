"""Cases and threads as people see them: who has it, what may be pressed, and what is told of what came of that."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from msgspec.structs import replace

from tests.connectors.gateway.test_answers import SaidAnswers
from tests.connectors.gateway.test_silences import ListedSilences
from tests.harness.projected import TIME
from tests.harness.stored import Story, take_up, told_story
from tests.streams.ask.conftest import Gateway, gateway_over
from tests.streams.ask.test_cases import STORY
from tests.streams.ask.world import EVIL
from tests.streams.page.test_forms_and_sign_in import Browser
from tocsin.connectors.gateway.cookies import TOLD
from tocsin.connectors.gateway.silences import FileSilence
from tocsin.connectors.store import Reader, Store, address_of
from tocsin.schemas.events import CommandAnswered, CommandOutcome, ProblemSuppressed
from tocsin.streams.ask.known_cases import KnownCases


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    address = f"sqlite:///{tmp_path_factory.mktemp('cases') / 'store.db'}"
    with ThreadPoolExecutor(1) as beside:  # here a loop may be running
        beside.submit(asyncio.run, take_up(address, STORY)).result()
    return address


@pytest.fixture
async def gateway(store: str) -> AsyncIterator[Gateway]:
    async with gateway_over(store) as opened:
        yield opened


@pytest.fixture
async def browser(gateway: Gateway) -> Browser:
    browser = Browser(gateway)
    await browser.sign_in("read", "command", name="bob")
    return browser


def _buttons(page: str) -> list[str]:
    return [part.split(">", 1)[1].split("<", 1)[0].strip() for part in page.split('<button type="submit"')[1:]]


STANDING: dict[str, tuple[str, list[str], list[str]]] = {
    "nobody has it": (
        "paged", ["open", "escalating, level 2", "Reports2"], ["I have it", "Snooze", "Resolve"],
    ),
    "who looks has it": ("taken", ["acknowledged by bob", "Has itbob"], ["Snooze", "Resolve"]),
    "it is put off": ("off", ["snoozed by ann, ends in", "Put off byann"], ["I have it", "Snooze", "Resolve"]),
    "nobody was told": ("quiet", ["untold", "nothing to acknowledge"], []),
}  # fmt: skip


@pytest.mark.parametrize(("case", "says", "buttons"), STANDING.values(), ids=STANDING)
async def test_a_case_says_where_it_stands_and_what_may_be_done(
    browser: Browser, case: str, says: list[str], buttons: list[str]
) -> None:
    answer = await browser.get(f"/v1/cases/{case}")
    assert answer.status == 200
    for one in says:
        assert one in answer.page.text, one
    found = [one for one in _buttons(answer.text) if not one.startswith(("Sign out", "Silence"))]
    assert found == buttons


HELD_BACK: Story = [
    *[told for told in told_story("acme", "held", report="p-held", case="held") if told[0] == "inbox"],
    ("problems", "held", ProblemSuppressed(event_id="s-held", tenant="acme", occurred_at=TIME, recorded_at=TIME,
                                           case="held", report="p-held", reason="silenced")),
]  # fmt: skip


@pytest.mark.parametrize("path", ["/v1/cases/held", "/v1/problems/p-held"])
async def test_what_a_silence_held_back_leads_to_it_and_offers_nothing_else(tmp_path: Path, path: str) -> None:
    address = f"sqlite:///{tmp_path / 'store.db'}"
    await take_up(address, HELD_BACK)
    async with gateway_over(address) as gateway:
        browser = Browser(gateway)
        await browser.sign_in("read", "command", name="bob")
        answer = await browser.get(path)
    assert [one for one in _buttons(answer.text) if not one.startswith(("Sign out", "Silence"))] == []
    assert "silence held it back" in answer.page.text
    assert 'A <a href="/v1/silences">silence</a>' in answer.text


async def test_a_problem_offers_what_its_case_does(gateway: Gateway) -> None:
    for name, offered in (("eve", True), ("bob", False)):
        browser = Browser(gateway)
        await browser.sign_in("read", "command", name=name)
        for path in ("/v1/cases/taken", "/v1/problems/p-taken"):
            answer = await browser.get(path)
            assert ("Take it over from bob" in answer.text) is offered, (name, path)
            assert "acknowledged by bob" in answer.page.text
            assert "being called" not in answer.page.text


async def test_who_may_only_read_is_shown_no_buttons(gateway: Gateway) -> None:
    browser = Browser(gateway)
    await browser.sign_in("read")
    answer = await browser.get("/v1/cases/paged")
    assert [one for one in _buttons(answer.text) if not one.startswith("Sign out")] == []
    assert "scope command" in answer.page.text


OUTCOMES: dict[str, tuple[CommandOutcome | None, str, str]] = {
    "done": (CommandOutcome.DONE, "taken over from ann", "Done. taken over from ann"),
    "somebody has it already": (
        CommandOutcome.ALREADY_SO, "the case is acknowledged already, by bob",
        "It was so already: nothing had to be done. the case is acknowledged already, by bob",
    ),
    "resolved meanwhile": (CommandOutcome.REFUSED, "the case is resolved: there is nothing to put off",
                           "Nothing was done"),
    "a case that nobody knows": (CommandOutcome.NOT_FOUND, "", "Nothing was done"),
    "nobody answered": (None, "", "It is not known yet whether it was done."),
}  # fmt: skip


@pytest.mark.parametrize(("outcome", "detail", "told"), OUTCOMES.values(), ids=OUTCOMES)
async def test_what_came_of_a_button_is_told_on_the_page(
    browser: Browser, monkeypatch: pytest.MonkeyPatch, outcome: CommandOutcome | None, detail: str, told: str
) -> None:
    def latest(port: SaidAnswers, command: str) -> CommandAnswered | None:
        if outcome is None:
            return None
        return CommandAnswered(
            event_id="a", tenant="acme", occurred_at=1, recorded_at=1, command=command, kind="acknowledge",
            target="paged", by="bob", outcome=outcome, case="paged", detail=detail or None,
        )  # fmt: skip

    monkeypatch.setattr(SaidAnswers, "latest", latest)
    forms = [form for form in (await browser.get("/v1/cases/paged")).page.forms if "/v1/problems/" in form[""]]
    assert [form[""].split("?")[0].rsplit("/", 1)[1] for form in forms] == ["acknowledge", "snooze", "resolve"]
    for form in forms:
        fields = {name: value for name, value in form.items() if name} | ({"for": "1h"} if "snooze" in form[""] else {})
        answer = await browser.post(form[""], fields)
        assert (answer.status, answer.headers["location"]) == (303, "/v1/cases/paged")
        cookie = browser.cookie
        browser.cookie += "; " + "; ".join(f"{name}={one.value}" for name, one in answer.cookies.items())
        page = await browser.get("/v1/cases/paged")
        browser.cookie = cookie
        assert told in page.page.text


async def test_a_silence_of_what_is_like_it_is_looked_at_first_and_then_made(browser: Browser) -> None:
    page = (await browser.get("/v1/cases/paged")).page
    ways = [form for form in page.forms if form[""] == "/v1/silences"]
    assert [[form.get(f"matchers.{n}.field") for n in (0, 1)] for form in ways] == [
        ["code", None], ["connection", None], ["code", "connection"],
    ]  # fmt: skip
    preview = "/v1/problems?code=e.p.xfer.cant-use-endpoint&connection=c-1"
    assert preview in page.links
    assert (await browser.get(preview)).status == 200
    answer = await browser.post(
        "/v1/silences", {name: value for name, value in ways[2].items() if name} | {"for": "1h"}
    )
    assert (answer.status, answer.headers["location"]) == (303, "/v1/cases/paged")
    listed = await browser.get("/v1/silences?form=json")
    assert '"e.p.xfer.cant-use-endpoint"' in listed.text
    assert '"by":"bob"' in listed.text


async def test_the_list_is_ordered_and_filtered_by_its_address(browser: Browser) -> None:
    page = (await browser.get("/v1/cases?state=any&connection=c-1")).page
    assert "/v1/cases?state=any&connection=c-1&sort=count" in page.links
    assert [link for link in page.links if link.startswith("/v1/cases/")] == [
        f"/v1/cases/{one}" for one in ("paged", "taken", "off")
    ]
    empty = await browser.get("/v1/cases?state=resolved&connection=%22%3E%3Cscript%3E")
    assert (empty.status, "<script>" in empty.page.text or "There is no such case." in empty.page.text) == (200, True)
    assert empty.text.count("<script") == 2
    assert (await browser.get("/v1/cases?sort=title")).status == 400


async def test_a_thread_shows_its_course_through_the_protocol(browser: Browser) -> None:
    answer = await browser.get("/v1/threads/t-1")
    assert "issue-credential/2.0" in answer.page.text
    assert "proposal-received stands here" in answer.page.text
    assert answer.text.count('aria-current="step"') == 1
    assert "offer-sent passed" in answer.page.text
    assert "3 problems struck here" in answer.page.text


@pytest.mark.parametrize("path", ["/v1/cases/globex", "/v1/cases/none"])
async def test_what_is_another_tenants_is_not_there(browser: Browser, path: str) -> None:
    answer = await browser.get(path)
    assert answer.status == 404
    assert "only-globex-knows" not in answer.text


async def test_silences_are_listed_made_and_ended(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    async def of_file(silences: ListedSilences, tenant: str | None) -> list[FileSilence]:
        return [FileSilence("holidays", 0, 2**60, "ops", EVIL)]

    monkeypatch.setattr(ListedSilences, "of_file", of_file)
    page = (await browser.get("/v1/silences")).page
    assert "Nothing is silenced by people." in page.text
    assert "holidaysactive" in page.text
    [form] = [one for one in page.forms if one[""] == "/v1/silences"]
    chosen = {"matchers.0.field": "connection", "matchers.0.operator": "equal", "matchers.0.value": EVIL, "for": "1h"}
    empty = {f"matchers.{number}.{name}": "" for number in (1, 2) for name in ("field", "operator", "value")}
    answer = await browser.post("/v1/silences", {"_next": form["_next"], **chosen, **empty})
    assert (answer.status, answer.headers["location"]) == (303, "/v1/silences")
    page = (await browser.get("/v1/silences")).page
    assert "<script>alert(1)</script>" in page.text
    assert any(link.startswith("/v1/problems?connection=%3Cscript%3E") for link in page.links)
    [ending] = [one for one in page.forms if one[""].startswith("/v1/silences/")]
    assert (ending["_method"], ending["_next"]) == ("DELETE", "/v1/silences")
    answer = await browser.post(ending[""], {name: value for name, value in ending.items() if name})
    assert answer.status == 303
    assert "Nothing is silenced by people." in (await browser.get("/v1/silences")).page.text


@pytest.mark.parametrize("path", ["/v1/cases/paged", "/v1/problems/p-paged"])
async def test_a_page_waits_for_what_the_button_on_it_has_done(
    browser: Browser, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """The store knows it a moment later than who pressed: "Done." beside a case that is open is no answer."""
    ask, known = Reader.case, []

    async def case(reader: Reader, *asked: Any, **more: Any) -> Any:
        found = await ask(reader, *asked, **more)
        assert found is not None
        known.append(found)
        taken = replace(found.row, acknowledged_at=time.time_ns() // 1000, acknowledged_by="bob")
        return found if len(known) == 1 else replace(found, row=taken)

    monkeypatch.setattr(Reader, "case", case)
    assert "acknowledged" not in (await browser.get(path)).page.text
    known.clear()
    since = time.time_ns() // 1000
    browser.cookie += f"; {TOLD}={quote(json.dumps({'outcome': 'done', 'since': str(since)}))}"
    text = (await browser.get(path)).page.text
    assert ("Done." in text, "acknowledged" in text, len(known)) == (True, True, 2)


async def test_a_link_in_a_mail_says_what_its_case_is(store: str) -> None:
    opened = Store(address_of(store))
    async with opened:
        cases = KnownCases(opened, lambda: time.time_ns() // 1000)
        taken, nothing = await cases.known("acme", "taken"), await cases.known("globex", "taken")
    assert taken is not None
    assert (taken.status, taken.held_by, taken.severity, nothing) == ("acknowledged", "bob", "error", None)
