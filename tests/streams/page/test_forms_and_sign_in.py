"""A person at a browser: signs in, presses buttons, and is told what came of it; a page elsewhere can do none of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from http.cookies import SimpleCookie
from typing import Any

import aiohttp
import pytest
from multidict import CIMultiDictProxy
from prometheus_client import CollectorRegistry

from tests.connectors.gateway.conftest import serving
from tests.connectors.gateway.test_admission import ListedAudit
from tests.connectors.gateway.test_scopes import ready
from tests.harness.keys import Keyring
from tests.streams.ask.conftest import Gateway, gateway_over
from tests.streams.page.elements import BROWSER, Elements
from tocsin.connectors.commands import key_set, revoked_key
from tocsin.connectors.gateway import Access, GatewayConfig, build_gateway
from tocsin.connectors.gateway.ports import Ports
from tocsin.connectors.publish import MemoryPublisher
from tocsin.streams.page import pages_of

OWN = {"sec-fetch-site": "same-origin", "accept": BROWSER}
FORM = {"content-type": "application/x-www-form-urlencoded"}


class Answer:
    """What a browser gets, before it goes on to anywhere."""

    def __init__(self, status: int, text: str, headers: CIMultiDictProxy[str]) -> None:
        self.status, self.text, self.headers = status, text, headers
        self.page = Elements(text)

    @property
    def cookies(self) -> SimpleCookie:
        """Those that are set."""
        return SimpleCookie("; ".join(one.partition(";")[0] for one in self.headers.getall("set-cookie", [])))


class Browser:
    """Asks as a browser does, with the cookies that it is given, without going on by itself."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway, self.cookie = gateway, ""
        self.origin = str(gateway.http._base_url).rstrip("/")

    async def get(self, path: str, **headers: str) -> Answer:
        """A page that is opened."""
        return await self._asked("GET", path, {"accept": BROWSER, **self._cookies(), **headers}, None)

    async def post(self, path: str, fields: Mapping[str, str], headers: Mapping[str, str] = OWN) -> Answer:
        """A form that is sent."""
        return await self._asked("POST", path, {**FORM, **self._cookies(), **headers}, fields)

    async def sign_in(self, *scopes: str, tenant: str = "acme", **fields: str) -> Answer:
        """With a new key."""
        key = self.gateway.keyring.text(tenant, *scopes)
        answer = await self.post("/sign-in", {"credential": key, **fields})
        self.cookie = "; ".join(f"{name}={one.value}" for name, one in answer.cookies.items())
        return answer

    def _cookies(self) -> dict[str, str]:
        return {"cookie": self.cookie} if self.cookie else {}

    async def _asked(self, method: str, path: str, headers: Mapping[str, str], fields: Any) -> Answer:
        async with self.gateway.http.request(
            method, path, headers=headers, data=fields, allow_redirects=False
        ) as answer:
            return Answer(answer.status, await answer.text(), answer.headers)


@pytest.fixture
async def browser(shown: Gateway) -> Browser:
    """At a gateway that asks for a key."""
    return Browser(shown)


@pytest.fixture
async def nearby(lite: str) -> AsyncIterator[Browser]:
    """At a gateway that asks nobody on this machine for a key."""
    async with gateway_over(lite, anonymous="loopback") as gateway:
        gateway.http._default_headers.clear()
        yield Browser(gateway)


async def test_who_is_not_signed_in_signs_in_and_goes_on(browser: Browser) -> None:
    asked = await browser.get("/v1/problems?severity=error")
    assert (asked.status, asked.page.forms[0]["next"]) == (401, "/v1/problems?severity=error")
    answer = await browser.sign_in(next="/v1/problems?severity=error", name="Jörg")
    assert (answer.status, answer.headers["location"]) == (303, "/v1/problems?severity=error")
    cookie = answer.headers.getall("set-cookie")[0].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "secure" not in cookie
    page = await browser.get("/v1/problems?severity=error")
    assert page.status == 200
    assert "Sign out Jörg" in page.page.text


SIGNED: dict[str, tuple[dict[str, str], int, str]] = {
    "with nothing": ({}, 401, "Paste an API key"),
    "with a key of nobody": ({"credential": "tocsin_aaaaaaaaaaaa_" + "x" * 43}, 401, "Not a credential that holds"),
    "with a token that nobody checks": ({"credential": "a.b.c"}, 401, "Not a credential that holds"),
    "with what is no key": ({"credential": "<script>alert(1)</script>"}, 401, "characters that no key"),
    "with too much for a browser": ({"credential": "x" * 3801}, 401, "too many for a browser"),
}


@pytest.mark.parametrize(("fields", "status", "says"), SIGNED.values(), ids=SIGNED)
async def test_signing_in_with_what_does_not_hold(
    browser: Browser, fields: dict[str, str], status: int, says: str
) -> None:
    answer = await browser.post("/sign-in", fields)
    assert (answer.status, says in answer.page.text) == (status, True), answer.page.text
    assert not answer.cookies or all(not one.value for one in answer.cookies.values())
    assert "default-src 'none'" in answer.headers["content-security-policy"]


async def test_a_key_that_may_not_read_is_told_so(browser: Browser) -> None:
    answer = await browser.sign_in("publish")
    assert (answer.status, "Not with this credential" in answer.page.text) == (403, True)


async def test_whoever_guesses_has_to_wait(browser: Browser) -> None:
    statuses: list[int] = []
    while 429 not in statuses and len(statuses) < 600:  # five more a second are allowed, and a machine may be slow
        guess = f"tocsin_aaaaaaaaaaaa_{len(statuses):043}"
        statuses.append((await browser.post("/sign-in", {"credential": guess})).status)
    assert (set(statuses[:-1]), statuses[-1]) == ({401}, 429)


@pytest.mark.parametrize("there", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)",
                                   "/v1/home\r\nset-cookie: x=y", "", "v1/home"])  # fmt: skip
async def test_signing_in_leads_nowhere_else(browser: Browser, there: str) -> None:
    answer = await browser.sign_in(next=there)
    assert (answer.status, answer.headers["location"]) == (303, "/v1/home")


async def test_a_key_that_is_revoked_is_signed_out_at_once(browser: Browser) -> None:
    event, new = key_set({"name": "ann", "scopes": ["read"]}, "acme", by="ann")
    browser.gateway.keyring.keys.learn(event)
    answer = await browser.post("/sign-in", {"credential": new.text})
    browser.cookie = "; ".join(f"{name}={one.value}" for name, one in answer.cookies.items())
    assert (await browser.get("/v1/home")).status == 200
    browser.gateway.keyring.keys.learn(revoked_key(event, by="ann"))
    gone = await browser.get("/v1/home")
    assert (gone.status, "revoked" in gone.page.text) == (401, True)
    assert not gone.cookies["tocsin"].value


async def test_a_button_pressed_with_a_key_that_was_revoked_does_nothing_and_says_why(nearby: Browser) -> None:
    keys = nearby.gateway.keyring.keys
    event, new = key_set({"name": "ann", "scopes": ["read", "command"]}, "acme", by="ann")
    keys.learn(event)
    answer = await nearby.post("/sign-in", {"credential": new.text})
    nearby.cookie = "; ".join(f"{name}={one.value}" for name, one in answer.cookies.items())
    keys.learn(revoked_key(event, by="ann"))
    for _ in range(2):  # nor is it done as nobody, who needs no key here, once a page has said that the key is gone
        pressed = await nearby.post("/v1/problems/p-1/resolve", {"_next": "/v1/home"})
        assert (pressed.status, pressed.headers["location"]) == (303, "/sign-in?next=%2Fv1%2Fhome")
        signed, kept = pressed.cookies["tocsin-told"], nearby.cookie
        nearby.cookie += f"; {signed.key}={signed.value}"
        page = await nearby.get("/sign-in?next=%2Fv1%2Fhome")
        assert "Nothing was done: Not a credential that holds." in page.page.text
        nearby.cookie = kept
        gone = await nearby.get("/v1/home")
        assert gone.status == 401
        nearby.cookie = "; ".join(f"{name}={one.value}" for name, one in gone.cookies.items()) or kept
    assert (await nearby.post("/sign-in", {"credential": ""})).cookies["tocsin"].value == ""


async def test_a_header_outweighs_the_cookie(browser: Browser) -> None:
    await browser.sign_in(tenant="globex")
    answer = await browser.get("/v1/problems/p-1", **browser.gateway.acme)
    assert answer.status == 200


async def test_signing_out(browser: Browser) -> None:
    await browser.sign_in()
    answer = await browser.post("/sign-out", {})
    assert answer.status == 303
    assert all(not one.value for one in answer.cookies.values())


async def test_where_no_key_is_needed_none_is_asked_for(nearby: Browser) -> None:
    assert (await nearby.get("/v1/home?tenant=acme")).status == 200
    answer = await nearby.post("/sign-in", {"name": "Ann"})
    assert (answer.status, answer.cookies["tocsin-name"].value, answer.cookies["tocsin"].value) == (303, "Ann", "")


async def test_a_browser_at_the_door_is_sent_home(browser: Browser) -> None:
    answer = await browser.get("/")
    assert (answer.status, answer.headers["location"]) == (303, "/v1/home")
    assert (await browser.get("/", accept="*/*")).status == 200


COMMAND = "/v1/problems/case-1/acknowledge?wait=1s"
HERE = {"_next": "/v1/problems/p-1?x=1"}

# headers of a POST of a form by who is signed in; its status
SENT: dict[str, tuple[dict[str, str], int]] = {
    "by our own page": ({"sec-fetch-site": "same-origin"}, 303),
    "by our own page, in an old browser": ({"origin": "SELF"}, 303),
    "by a page elsewhere": ({"sec-fetch-site": "cross-site", "origin": "https://evil.example"}, 403),
    "by a page elsewhere that does not say which": ({"sec-fetch-site": "cross-site"}, 403),
    "by another program on this machine": ({"sec-fetch-site": "same-site", "origin": "http://127.0.0.1:3000"}, 403),
    "by that, in an old browser": ({"origin": "http://127.0.0.1:3000"}, 403),
    "by a sandboxed page": ({"origin": "null"}, 403),
    "by what is no browser": ({}, 403),
}


@pytest.mark.parametrize(("headers", "status"), SENT.values(), ids=SENT)
@pytest.mark.parametrize("anonymous", [False, True], ids=["signed in", "where no key is needed"])
async def test_a_form_is_taken_from_our_own_pages_alone(
    browser: Browser, nearby: Browser, headers: dict[str, str], status: int, anonymous: bool
) -> None:
    asking = nearby if anonymous else browser
    if not anonymous:
        await asking.sign_in()
    said = {name: value.replace("SELF", asking.origin) for name, value in headers.items()}
    answer = await asking.post(COMMAND + ("&tenant=acme" if anonymous else ""), HERE, {"accept": BROWSER, **said})
    assert answer.status in ({403, 415} if status == 403 else {status}), answer.text


@pytest.mark.parametrize("kind", ["application/json", "text/plain"])
async def test_json_of_a_page_elsewhere_does_nothing_either(browser: Browser, kind: str) -> None:
    """Also with no form: what a script or a form may send without asking first."""
    await browser.sign_in()
    for said in ({"origin": "http://127.0.0.1:3000"}, {"sec-fetch-site": "same-site"}, {}):
        answer = await browser.post(COMMAND, {}, {"content-type": kind, **said})
        assert answer.status == 403, (kind, said, answer.text)


async def test_a_program_with_a_key_goes_on_as_before(browser: Browser) -> None:
    body = {"content-type": "application/json", **browser.gateway.acme, "tocsin-by": "ann"}
    async with browser.gateway.http.post(COMMAND, headers=body, data=b"{}") as answer:
        assert answer.status in (200, 202, 504), await answer.text()


async def test_the_page_says_what_came_of_it_once(browser: Browser) -> None:
    await browser.sign_in()
    answer = await browser.post("/v1/problems/case-1/acknowledge", HERE)
    assert (answer.status, answer.headers["location"]) == (303, "/v1/problems/p-1?x=1")
    told = answer.headers.getall("set-cookie")[0]
    assert "Path=/v1/problems/p-1;" in told
    browser.cookie += f"; {told.partition(';')[0]}"
    page = await browser.get("/v1/problems/p-1")
    assert "It is stored, and will be carried out." in page.page.text
    assert not page.cookies["tocsin-told"].value


@pytest.mark.parametrize("said", ["[" * 3000, "{%22a%22:" * 1000, "%ff", "[]", "1" * 5000, "%22a%22"])
async def test_a_page_is_shown_whatever_somebody_else_put_into_its_cookie(browser: Browser, said: str) -> None:
    await browser.sign_in()
    browser.cookie += f"; tocsin-told={said}"
    page = await browser.get("/v1/home")
    assert (page.status, 'role="status"' in page.text) == (200, False)


async def test_what_was_refused_is_never_told_as_done(browser: Browser) -> None:
    await browser.sign_in("read")
    answer = await browser.post("/v1/problems/case-1/acknowledge", {"_next": "/v1/cases/case-1"})
    assert answer.status == 303
    browser.cookie += f"; {answer.headers.getall('set-cookie')[0].partition(';')[0]}"
    page = await browser.get("/v1/cases/case-1")
    assert "Nothing was done: Not with this credential." in page.page.text
    assert "Done." not in page.page.text


async def test_a_form_that_is_refused_is_told_where_and_what_was_expected(browser: Browser) -> None:
    await browser.sign_in()
    matcher = {"matchers.0.field": "code", "matchers.0.operator": "matches", "matchers.0.value": "("}
    answer = await browser.post("/v1/silences", {"_next": "/v1/silences", "for": "1h", **matcher})
    browser.cookie += f"; {answer.headers.getall('set-cookie')[0].partition(';')[0]}"
    said = (await browser.get("/v1/silences")).page.text
    assert "At /matchers. Expected: matchers that the rules can use" in said


async def test_a_refusal_is_a_page_for_a_browser(browser: Browser) -> None:
    await browser.sign_in()
    answer = await browser.get("/v1/problems/nobody-knows-it")
    assert (answer.status, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "Nothing is known of that" in answer.page.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert (await browser.get("/v1/problems/nobody", accept="application/json")).headers["content-type"] == (
        "application/problem+json"
    )


async def test_files_of_ours_are_kept_by_browsers(browser: Browser) -> None:
    page = (await browser.get("/sign-in")).text
    for ending in ("css", "js"):
        path = page.partition(f'.{ending}"')[0].rpartition('"')[2] + f".{ending}"
        answer = await browser.get(path)
        assert (answer.status, "immutable" in answer.headers["cache-control"]) == (200, True), path
    assert (await browser.get("/static/tocsin.css")).status == 404


async def test_who_may_not_sign_in_is_counted() -> None:
    keyring, audit = Keyring(), ListedAudit()
    access = Access(keys=keyring.keys, audit=audit)
    config, registry = GatewayConfig(anonymous="off"), CollectorRegistry()
    app = build_gateway(config, MemoryPublisher(), ready, registry, Ports(access=access, pages=pages_of(None)))
    async with serving(app) as port, aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http:
        await Browser(Gateway(http, keyring)).post("/sign-in", {"credential": "tocsin_aaaaaaaaaaaa_" + "x" * 43})
    (told,) = audit.counted
    assert (told.action, told.status) == ("POST /sign-in", 401)
    assert (told.reason or "").startswith("bad-credential")
