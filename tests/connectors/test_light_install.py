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
BUS = ("tocsin.streams", "tocsin.connectors.gateway")


@pytest.mark.parametrize(
    "module",
    [
        f"tocsin.connectors.{name}"
        for name in (
            "conformance",
            "publish",
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


def test_a_subscriber_is_named_without_what_takes_long() -> None:
    code = """
import sys
from tocsin.connectors.subscribe import Subscriber
Subscriber("localhost:9092", group="g", kinds="ProblemOpened")
print(*sys.modules)"""
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not {"aiokafka", "fastavro"} & {name.partition(".")[0] for name in shown.split()}
