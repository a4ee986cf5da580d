"""/v1/act/{token}: looking changes nothing, pressing does it, and the page says what became of it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from tests.connectors.gateway.conftest import serving
from tests.connectors.gateway.test_answers import SaidAnswers
from tocsin.connectors.gateway import GatewayConfig, Rate, build_gateway
from tocsin.connectors.gateway.act import KnownCasePort
from tocsin.connectors.gateway.act_page import KnownCase
from tocsin.connectors.gateway.ports import Ports
from tocsin.connectors.people.action_links import ACTIONS, ActionLinks
from tocsin.connectors.publish import KafkaAway, MemoryPublisher, PublishUnconfirmed
from tocsin.schemas.events import CommandIssued, CommandOutcome

LINKS = ActionLinks("https://bus.example.org", ["k" * 32])
OTHERS = ActionLinks("https://other.example.org", ["x" * 32])
NOW = 4_000_000_000_000_000
"""Microseconds: so far ahead that what was made now has not expired."""


class Served:
    """A gateway with links, and one who has a phone."""

    def __init__(self, http: aiohttp.ClientSession, publisher: MemoryPublisher, answers: SaidAnswers) -> None:
        self.http, self.publisher, self.answers = http, publisher, answers
        self.metrics = CollectorRegistry()

    async def ask(self, method: str, token: str, **options: Any) -> tuple[int, str, Any]:
        async with self.http.request(method, f"/v1/act/{token}", **options) as answer:
            return answer.status, await answer.text(), answer.headers

    @property
    def issued(self) -> list[CommandIssued]:
        return [event for event in self.publisher.events if isinstance(event, CommandIssued)]


@asynccontextmanager
async def served(
    outcome: CommandOutcome | None = CommandOutcome.DONE,
    links: ActionLinks | None = LINKS,
    publisher: MemoryPublisher | None = None,
    cases: KnownCasePort | None = None,
    **config: Any,
) -> AsyncIterator[Served]:
    publisher, answers, metrics = publisher or MemoryPublisher(), SaidAnswers(), CollectorRegistry()
    answers.outcome = outcome

    async def ready() -> bool | str:
        return True

    configured = GatewayConfig(hosts=frozenset({"bus.example.org"}), deadline=0.5, **config)
    app = build_gateway(configured, publisher, ready, metrics, Ports(answers=answers, links=links, known=cases))
    async with serving(app) as port, aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http:
        one = Served(http, publisher, answers)
        one.metrics = metrics
        yield one


def token_of(action: str, *, by: str = "Ann", case: str = "c-1", now: int = NOW) -> str:
    (url,) = (link.url for link in LINKS.of("acme", case, by, now) if link.does == action)
    return url.rpartition("/")[2]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_who_looks_changes_nothing(method: str) -> None:
    async with served() as gateway:
        status, text, headers = await gateway.ask(method, token_of("acknowledge"))
        assert (status, gateway.publisher.events) == (200, [])
    assert "script" not in text
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "same-origin"
    if method == "GET":
        assert "Nothing has been done yet" in text
        assert re.findall(r'<form method="post" action="([\w.-]+)">', text) == [token_of("acknowledge")]
        assert 'name="viewport"' in text


@pytest.mark.parametrize("action", [action for action in ACTIONS if action != "open"])
async def test_who_presses_does_it_in_the_name_of_the_one_who_was_told(action: str) -> None:
    async with served() as gateway:
        _, text, _ = await gateway.ask("GET", token_of(action))
        (fields,) = re.findall(r'action="([\w.-]+)"><input type="hidden" name="action" value="(\w+)">', text)
        headers = {"origin": "https://bus.example.org", "sec-fetch-site": "same-origin"}
        status, text, _ = await gateway.ask("POST", fields[0], data={"action": fields[1]}, headers=headers)
        (event,) = gateway.issued
    assert (status, "Done." in text) == (200, True)
    assert "<form" not in text
    assert (event.kind, event.target, event.tenant, event.by) == (action, "c-1", "acme", "Ann")
    assert event.why == "by the link in a notification"
    assert (event.until is not None) is (action == "snooze")


async def test_open_shows_a_button_for_each_and_does_nothing_itself() -> None:
    async with served() as gateway:
        _, text, _ = await gateway.ask("GET", token_of("open"))
        tokens = re.findall(r'action="([\w.-]+)"', text)
        assert [LINKS.read(token, NOW).action for token in tokens] == ["acknowledge", "resolve", "snooze"]
        # made of a link that will expire, they expire with it
        assert len({LINKS.read(token, NOW).expires for token in (*tokens, token_of("open"))}) == 1
        status, text, _ = await gateway.ask("POST", token_of("open"))
        assert (status, "for something else" in text, gateway.issued) == (403, True, [])
        status, _, _ = await gateway.ask("POST", tokens[1])
        assert (status, [event.kind for event in gateway.issued]) == (200, ["resolve"])


# what became of the command -> the status, and what the page says
BECAME: dict[str, tuple[CommandOutcome | None, int, str]] = {
    "done": (CommandOutcome.DONE, 200, "Done."),
    "already so": (CommandOutcome.ALREADY_SO, 200, "It was so already"),
    "kept": (CommandOutcome.KEPT, 202, "The case is not known yet"),
    "not found": (CommandOutcome.NOT_FOUND, 404, "Nothing was done: nothing is known"),
    "refused": (CommandOutcome.REFUSED, 409, "as it is"),
    "what only a newer bus knows": (CommandOutcome.UNKNOWN, 409, "Nothing was done"),
    "no answer": (None, 504, "It is not known yet whether it was done"),
}


@pytest.mark.parametrize(("outcome", "status", "says"), BECAME.values(), ids=list(BECAME))
async def test_the_page_says_what_became_of_it(outcome: CommandOutcome | None, status: int, says: str) -> None:
    async with served(outcome) as gateway:
        answered, text, _ = await gateway.ask("POST", token_of("acknowledge"))
    assert (answered, says in text) == (status, True), text


class Cases:
    """Knows every case alike."""

    def __init__(self, known: KnownCase | None) -> None:
        self._known = known

    async def known(self, tenant: str, case: str) -> KnownCase | None:
        return self._known


def a_case(status: str, held_by: str = "") -> KnownCase:
    return KnownCase(status=status, held_by=held_by, title="<b>It broke</b>", severity="error", code="e.p.x", at="2026")


# what is known of the case -> what who looks is told, and the buttons of the page that opens all
KNOWN: dict[str, tuple[KnownCase | None, str, list[str]]] = {
    "nothing": (None, "Nothing has been done yet", ["Acknowledge", "Resolve", "Snooze 1 h"]),
    "open": (a_case("open"), "Nothing has been done yet", ["Acknowledge", "Resolve", "Snooze 1 h"]),
    "held": (a_case("acknowledged", "Bob"), "Bob has it already.", ["Take it over from Bob", "Resolve", "Snooze 1 h"]),
    "theirs": (a_case("acknowledged", "Ann"), "Ann has it already.", ["Resolve", "Snooze 1 h"]),
    "over": (a_case("resolved"), "It is resolved", []),
}


@pytest.mark.parametrize(("known", "says", "buttons"), KNOWN.values(), ids=list(KNOWN))
async def test_who_looks_is_told_what_it_is_and_who_has_it(
    known: KnownCase | None, says: str, buttons: list[str]
) -> None:
    async with served(cases=Cases(known)) as gateway:
        _, text, _ = await gateway.ask("GET", token_of("open"))
    assert says in text
    assert re.findall(r"<button[^>]*>([^<]*)<", text) == buttons
    assert known is None or ("It broke" in text and "<br>Error, e.p.x, 2026</p>" in text and "<b>" not in text)


async def test_who_comes_second_is_told_so_and_may_take_it_over() -> None:
    async with served(CommandOutcome.ALREADY_SO, cases=Cases(a_case("acknowledged", "Bob"))) as gateway:
        _, text, _ = await gateway.ask("POST", token_of("acknowledge"))
        assert "It was so already" in text
        fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', text))
        assert (fields, gateway.issued[0].choice) == ({"action": "acknowledge", "instead_of": "Bob"}, None)
        await gateway.ask("POST", token_of("acknowledge"), data=fields)
        assert gateway.issued[1].choice == "Bob"


class Failing(MemoryPublisher):
    def __init__(self, error: type[Exception]) -> None:
        super().__init__()
        self.error = error

    async def send(self, event: Any) -> Any:
        raise self.error(event.event_id)


@pytest.mark.parametrize(
    ("error", "says"),
    [(KafkaAway, "Nothing was done: the bus"), (PublishUnconfirmed, "not known yet"), (ValueError, "not known yet")],
)
async def test_without_kafka_nothing_is_called_done(error: type[Exception], says: str) -> None:
    async with served(publisher=Failing(error)) as gateway:
        status, text, _ = await gateway.ask("POST", token_of("acknowledge"))
    assert (status >= 500, says in text, "Done" in text) == (True, True, False)


# a link that is none, the method -> the status, and what the page says
NOT_LINKS: dict[str, tuple[str, int, str]] = {
    "expired": (token_of("acknowledge", now=0), 410, "has expired"),
    "cut off": (token_of("acknowledge")[:-5], 404, "cut off on its way"),
    "of another bus": (OTHERS.of("acme", "c", "Ann", NOW)[0].url.rpartition("/")[2], 404, "not a link"),
    "nonsense": ("nonsense", 404, "not a link"),
    "markup": ("%3Cscript%3E", 404, "not a link"),
}  # fmt: skip


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(("token", "status", "says"), NOT_LINKS.values(), ids=list(NOT_LINKS))
async def test_a_link_that_is_none_has_a_page_too(token: str, status: int, says: str, method: str) -> None:
    async with served() as gateway:
        answered, text, headers = await gateway.ask(method, token)
        assert (answered, says in text, gateway.issued) == (status, True, [])
        assert "<script" not in text
        assert headers["content-type"].startswith("text/html")


async def test_a_form_for_something_else_does_nothing() -> None:
    async with served() as gateway:
        for said in ("resolve", "", "acknowledge&action=resolve", "\x00"):
            data = f"action={said}"
            form = {"content-type": "application/x-www-form-urlencoded"}
            status, _, _ = await gateway.ask("POST", token_of("acknowledge"), data=data, headers=form)
            assert (said, status) == (said, 200 if not said else 403)
        assert [event.kind for event in gateway.issued] == ["acknowledge"]


async def test_a_page_of_another_origin_may_not_press() -> None:
    async with served() as gateway:
        for headers in ({"origin": "https://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}):
            status, _, _ = await gateway.ask("POST", token_of("acknowledge"), headers=headers)
            assert status == 403
        assert gateway.issued == []


async def test_without_a_key_no_link_is_known() -> None:
    async with served(links=None) as gateway:
        assert [(await gateway.ask(method, token_of("acknowledge")))[0] for method in ("GET", "POST")] == [404, 404]


async def test_a_tenant_that_is_too_fast_waits_here_too() -> None:
    async with served(tenant_documents=Rate(0.001, 1)) as gateway:
        statuses = [(await gateway.ask("POST", token_of("acknowledge")))[0] for _ in range(2)]
        assert (statuses, len(gateway.issued)) == ([200, 429], 1)


async def test_the_page_speaks_the_language_of_the_phone_and_shows_names_as_text() -> None:
    async with served() as gateway:
        token = token_of("acknowledge", by="<b>@ann</b>", case="\u202ec\r\n1")
        _, text, _ = await gateway.ask("GET", token, headers={"accept-language": "de-CH, fr;q=0.5"})
    assert '<html lang="de">' in text
    assert ">Übernehmen</button>" in text
    assert "<b>" not in text
    assert "\u202e" not in text


async def test_no_token_is_counted_or_told_to_anybody(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    token = token_of("acknowledge")
    async with served() as gateway:
        await gateway.ask("GET", token)
        await gateway.ask("POST", token)
        shown = generate_latest(gateway.metrics).decode()
        async with gateway.http.get("/openapi.json") as answer:
            assert "/v1/act/" not in await answer.text()
    assert 'route="/v1/act/{token}"' in shown
    assert token not in shown
    assert token not in "".join(record.getMessage() for record in caplog.records if record.name.startswith("tocsin"))
    assert token not in "".join(event.target + event.by + (event.why or "") for event in gateway.issued)
