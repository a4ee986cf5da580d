"""Where the keys of tokens come from: a file, a URL, an issuer that is away, or makes a new key."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.connectors.access.test_tokens import CLAIMS, EC, NOW, RSA, RULES, THEIRS, token
from tocsin.connectors.access import CredentialRefused
from tocsin.connectors.gateway.problems import Refusal
from tocsin.streams.processes.token_keys import AGAIN_AFTER, FRESH_FOR, STALE_AFTER, IssuerKeys, issuer_keys_of
from tocsin.streams.settings import Settings, SettingsInvalid, load_settings


class Issuer:
    """Serves a set of keys, or what `answer` says."""

    def __init__(self) -> None:
        self.keys: list[Any] = [RSA]
        self.asked = 0
        self.answer: web.Response | None = None
        self.url = ""

    async def serve(self, request: web.Request) -> web.Response:
        self.asked += 1
        if self.answer is not None:
            return self.answer
        return web.json_response({"keys": [key.as_dict(private=False) for key in self.keys]})


class Clock:
    now = float(NOW)

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def an_issuer() -> AsyncIterator[Issuer]:
    issuer, app = Issuer(), web.Application()
    app.router.add_get("/keys", issuer.serve)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    issuer.url = f"http://127.0.0.1:{runner.addresses[0][1]}/keys"
    try:
        yield issuer
    finally:
        await runner.cleanup()


def fresh(key: Any = RSA, alg: str = "RS256", at: float = NOW) -> str:
    return token(CLAIMS | {"exp": int(at) + 60}, key, alg)


async def test_keys_are_asked_for_once_in_a_while() -> None:
    async with an_issuer() as issuer:
        keys = IssuerKeys(issuer.url, RULES, private=True, clock=(clock := Clock()))
        callers = await asyncio.gather(*(keys.caller(fresh()) for _ in range(5)))
        assert ({caller.tenant for caller in callers}, issuer.asked) == ({"acme"}, 1)
        clock.now += FRESH_FOR
        await keys.caller(fresh(at=clock.now))
        assert issuer.asked == 2


async def test_a_new_key_is_found_and_strangers_do_not_make_us_ask_on_and_on() -> None:
    async with an_issuer() as issuer:
        keys = IssuerKeys(issuer.url, RULES, private=True, clock=(clock := Clock()))
        await keys.caller(fresh())
        issuer.keys = [RSA, EC]
        clock.now += AGAIN_AFTER
        assert (await keys.caller(fresh(EC, "ES256", clock.now))).tenant == "acme"
        assert issuer.asked == 2
        for number in range(20):
            with pytest.raises(CredentialRefused):
                await keys.caller(token(key=THEIRS, kid=f"k-{number}"))
        assert issuer.asked == 2


async def test_while_the_issuer_is_away_its_keys_hold_for_a_day() -> None:
    async with an_issuer() as issuer:
        keys = IssuerKeys(issuer.url, RULES, private=True, clock=(clock := Clock()))
        await keys.caller(fresh())
        issuer.answer = web.Response(status=500)
        clock.now += STALE_AFTER - 1
        assert (await keys.caller(fresh(at=clock.now))).tenant == "acme"
        clock.now += AGAIN_AFTER
        with pytest.raises(Refusal, match="token-keys-away"):
            await keys.caller(fresh(at=clock.now))


ANSWERS = {
    "an error": web.Response(status=500),
    "a redirect": web.Response(status=302, headers={"location": "/keys"}),
    "no keys": web.Response(text="{}"),
    "a page": web.Response(text="<html>"),
    "too much": web.Response(text=" " * 100_000),
}


@pytest.mark.parametrize("how", list(ANSWERS))
async def test_without_keys_nobody_is_let_in_and_it_is_said_why(how: str) -> None:
    async with an_issuer() as issuer:
        known = ANSWERS[how]
        issuer.answer = web.Response(status=known.status, text=known.text or "", headers={
            name: value for name, value in known.headers.items() if name.lower() == "location"
        })  # fmt: skip
        with pytest.raises(Refusal, match="token-keys-away"):
            await IssuerKeys(issuer.url, RULES, private=True, clock=Clock()).caller(fresh())
        assert issuer.asked == 1


async def test_a_private_address_is_asked_only_if_that_is_said() -> None:
    async with an_issuer() as issuer:
        with pytest.raises(Refusal, match="token-keys-away"):
            await IssuerKeys(issuer.url, RULES, clock=Clock()).caller(fresh())
        assert issuer.asked == 0


async def test_keys_in_a_file_that_changes(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    file.write_text(json.dumps({"keys": [RSA.as_dict(private=False)]}))
    keys = IssuerKeys(str(file), RULES, clock=(clock := Clock()))
    assert (await keys.caller(fresh())).tenant == "acme"
    file.write_text(json.dumps({"keys": [EC.as_dict(private=False)]}))
    clock.now += FRESH_FOR
    assert (await keys.caller(fresh(EC, "ES256", clock.now))).tenant == "acme"
    with pytest.raises(CredentialRefused):
        await keys.caller(fresh(at=clock.now))


def test_the_settings_go_together() -> None:
    assert issuer_keys_of(Settings()) is None
    with pytest.raises(SettingsInvalid, match="TOCSIN_JWT_AUDIENCE, TOCSIN_JWT_KEYS"):
        load_settings(jwt_issuer="https://login.example")
    for wrong in ("none", "HS256", "RS256,HS256", ""):
        with pytest.raises(SettingsInvalid, match="RS256"):
            load_settings(jwt_algorithms=wrong)
