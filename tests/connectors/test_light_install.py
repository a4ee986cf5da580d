"""What a service that only publishes or receives webhooks imports must do without the extras."""

from __future__ import annotations

import subprocess
import sys

import pytest

EXTRAS = {
    "aiohttp",
    "cryptography",
    "faust",
    "fastapi",
    "prometheus_client",
    "pydantic",
    "standardwebhooks",
    "starlette",
    "yarl",
}
CATALOGUE = "tocsin.connectors.catalogue"
INIT = "from tocsin.connectors import sdk; sdk.init('{}', spool=False)"
BUS = ("tocsin.streams", "tocsin.connectors.gateway")


@pytest.mark.parametrize(
    "module",
    [
        f"tocsin.connectors.{name}"
        for name in (
            "conformance",
            "publish",
            "publish.kafka",
            "sdk",
            "asgi",
            "hooks",
            "jobs",
            "logs",
            "unhandled",
            "wsgi",
            "subscribe",
            "webhooks",
            "dialects",
            "sinks",
            "sinks.memory",
            "mediation",
            "web5",
        )
    ],
)
def test_imports_no_extra_and_nothing_of_the_bus(module: str) -> None:
    code = f"import sys, {module}; print(*sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not EXTRAS & {name.partition(".")[0] for name in shown.split()}
    assert not [name for name in shown.split() if name.startswith(BUS)]


FRAMEWORKS = {"apscheduler", "arq", "celery", "dramatiq", "flask"}


@pytest.mark.parametrize("framework", sorted(FRAMEWORKS))
def test_a_hook_imports_its_own_framework_and_no_other(framework: str) -> None:
    code = f"import sys, tocsin.connectors.hooks.{framework}; print(*sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert {name.partition(".")[0] for name in shown} & (FRAMEWORKS | {"aiokafka", "fastavro"}) == {framework}
    assert not [name for name in shown if name.startswith(BUS)]


@pytest.mark.parametrize(
    ("statement", "not_yet"),
    [
        ("from tocsin.connectors import sdk, jobs, logs", {"aiokafka", "fastavro", "msgspec", "asyncio", "ssl"}),
        ("from tocsin.connectors.publish import HttpPublisher, problem", {"aiokafka", "fastavro", CATALOGUE}),
        (
            "from tocsin.connectors.publish import Publisher, problem",
            {"tocsin.connectors.publish.http", "http.client", "importlib.resources", CATALOGUE},
        ),
        (INIT.format("http://127.0.0.1:9"), {"aiokafka"}),  # the rest is what a fork before the first event must find
    ],
)
def test_what_takes_long_is_imported_when_it_is_used(statement: str, not_yet: set[str]) -> None:
    code = f"import sys\n{statement}\nprint(*sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not not_yet & {*shown.split(), *(name.partition(".")[0] for name in shown.split())}


def test_a_subscriber_is_named_without_what_takes_long() -> None:
    code = """
import sys
from tocsin.connectors.subscribe import Subscriber
Subscriber("localhost:9092", group="g", kinds="ProblemOpened")
print(*sys.modules)"""
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not {"aiokafka", "fastavro"} & {name.partition(".")[0] for name in shown.split()}
