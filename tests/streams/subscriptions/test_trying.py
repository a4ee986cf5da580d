"""`try_endpoint`: what comes back of a ping, of every kind of sink."""

from __future__ import annotations

from types import TracebackType

import pytest
from aiohttp import web

from tests.harness.webhook_receivers import SECRET, receiver
from tocsin.connectors.sinks import SINKS, SinkOutcome
from tocsin.connectors.sinks.memory import MemorySink
from tocsin.connectors.sinks.webhook import WebhookConfig
from tocsin.connectors.webhooks import new_key_pair, verify
from tocsin.schemas.events import DeliveryAttempt
from tocsin.streams.rules.config import Endpoint
from tocsin.streams.subscriptions import trying
from tocsin.streams.subscriptions.trying import try_endpoint


@pytest.mark.parametrize(
    ("status", "taken", "outcome", "reason"),
    [
        (204, True, "delivered", None),
        (401, False, "retry_later", "auth_error"),
        (410, False, "rejected", "gone"),
        (503, False, "retry_later", "server_error"),
        (302, False, "retry_later", "redirected"),
    ],
)
async def test_a_webhook(status: int, taken: bool, outcome: str, reason: str | None) -> None:
    signed: list[bool] = []
    private, public = new_key_pair()

    async def take(request: web.Request) -> web.Response:
        body = await request.read()
        signed.extend(bool(verify(body, dict(request.headers), [one])) for one in (SECRET, public))
        return web.Response(status=status, text="" if status == 204 else "said so")

    async with receiver(take) as url:
        config = WebhookConfig(url=url, secrets=(SECRET, private), allow_private=True)
        tried = await try_endpoint(Endpoint(name="hook", sink="webhook", settings=config), "acme")
    assert (tried.taken, tried.status, tried.outcome, tried.reason) == (taken, status, outcome, reason)
    assert (signed, tried.signatures) == ([True, True], ("v1", "v1a"))
    assert tried.answer == (None if status == 204 else "said so")


async def test_one_that_has_not_agreed_is_not_pinged() -> None:
    came: list[str] = []

    async def take(request: web.Request) -> web.Response:
        came.append((await request.json())["type"])
        return web.Response(text="what?")

    async with receiver(take) as url:
        config = WebhookConfig(url=url, secrets=(SECRET,), allow_private=True, ownership="challenge")
        tried = await try_endpoint(Endpoint(name="hook", sink="webhook", settings=config), "acme")
    assert (tried.taken, tried.outcome, came) == (False, "not_sent", ["endpoint.challenge"])
    assert "does not repeat the challenge" in str(tried.why)


@pytest.mark.parametrize("kind", ["log", "memory"])
async def test_another_sink(kind: str, capfd: pytest.CaptureFixture[str]) -> None:
    tried = await try_endpoint(Endpoint(name="desk", sink=kind), "acme")
    assert (tried.taken, tried.outcome, tried.signatures) == (True, "delivered", ())
    assert ("endpoint.ping" in capfd.readouterr().out) == (kind == "log")
    assert kind in SINKS


async def test_a_sink_that_raises_is_told_without_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(MemorySink):
        async def deliver(self, attempt: DeliveryAttempt) -> SinkOutcome:
            raise RuntimeError("whsec_canary")

        async def __aexit__(
            self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
        ) -> None:
            return None

    monkeypatch.setattr(trying, "make_sink", lambda kind, settings: Broken())
    tried = await try_endpoint(Endpoint(name="desk", sink="memory"), "acme")
    assert (tried.taken, tried.outcome, tried.why) == (False, "not_sent", "the sink memory failed (RuntimeError)")


async def test_settings_that_cannot_work_are_told() -> None:
    tried = await try_endpoint(
        Endpoint(name="hook", sink="webhook", settings=WebhookConfig(url="https://a.example")), "a"
    )
    assert (tried.taken, tried.outcome) == (False, "not_sent")
    assert "secret" in str(tried.why)
