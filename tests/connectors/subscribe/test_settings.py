"""Where a subscriber's settings come from, and what cannot be."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tocsin.connectors.kafka_security import SETTINGS, KafkaSecurity, SecurityUnusable
from tocsin.connectors.subscribe import Subscriber
from tocsin.streams.settings import ENV_PREFIX, Settings

WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no group": ({"group": ""}, "group: the name of the consumer group is needed"),
    "no such start": ({"start": "yesterday"}, "start='yesterday': beginning or now is expected"),
    "none at once": ({"at_once": 0}, "at_once=0: at least 1"),
    "a wait of less than nothing": ({"schema_within": -1.0}, "schema_within=-1.0: seconds, at least 0"),
    "a wait of no number": ({"schema_within": float("nan")}, "schema_within=nan: seconds, at least 0"),
    "an address without a port": ({"bootstrap": "localhost"}, "'localhost' is not host:port"),
    "a URL": ({"bootstrap": "http://localhost:9092"}, "'http://localhost:9092' is not host:port"),
    "no such kind": ({"kinds": "Opened"}, "no kind 'Opened'"),
}


@pytest.mark.parametrize(("wrong", "why"), WRONG.values(), ids=list(WRONG))
def test_what_cannot_be_is_named(wrong: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=re.escape(why)):
        Subscriber(**{"bootstrap": "localhost:9092", "group": "g", **wrong})


def test_the_address_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TOCSIN_BOOTSTRAP", raising=False)
    with pytest.raises(ValueError, match="its first argument, or TOCSIN_BOOTSTRAP"):
        Subscriber(group="g")
    monkeypatch.setenv("TOCSIN_BOOTSTRAP", "kafka:9092")
    Subscriber(group="g")


def test_plain_threads_need_the_block() -> None:
    with pytest.raises(RuntimeError, match="within its block"):
        next(Subscriber.sync("localhost:9092", group="g"))


# the variables, and what they mean
SECURED: dict[str, tuple[dict[str, str], KafkaSecurity | None]] = {
    "none": ({}, None),
    "TLS": ({"SECURITY_PROTOCOL": "ssl", "CA_FILE": "/x/ca.pem"}, KafkaSecurity("SSL", ca_file=Path("/x/ca.pem"))),
    "a login": (
        {"SECURITY_PROTOCOL": "SASL_SSL", "SASL_MECHANISM": "PLAIN", "USER": "u", "PASSWORD": "env:P",
         "CHECK_HOSTNAME": "false"},
        KafkaSecurity("SASL_SSL", "PLAIN", "u", "env:P", check_hostname=False),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("variables", "meant"), SECURED.values(), ids=list(SECURED))
def test_security_comes_from_the_environment_as_it_does_for_the_bus(
    variables: dict[str, str], meant: KafkaSecurity | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = {f"TOCSIN_KAFKA_{name}": value for name, value in variables.items()}
    assert KafkaSecurity.from_environment(environment) == meant
    if meant is not None:
        for name, value in environment.items():
            monkeypatch.setenv(name, value.upper() if name.endswith("PROTOCOL") else value)
        assert Settings(bootstrap="h:1").kafka_security() == meant


@pytest.mark.parametrize(
    ("variables", "why"),
    [
        ({"SECURITY_PROTOCOL": "TLS"}, "TOCSIN_KAFKA_SECURITY_PROTOCOL: one of PLAINTEXT, SSL"),
        ({"SECURITY_PROTOCOL": "SASL_SSL"}, "TOCSIN_KAFKA_SASL_MECHANISM: SASL_SSL needs one"),
        ({"CHECK_HOSTNAME": "maybe"}, "TOCSIN_KAFKA_CHECK_HOSTNAME: one of"),
    ],
)
def test_what_does_not_go_together_is_named(variables: dict[str, str], why: str) -> None:
    with pytest.raises(SecurityUnusable, match=why):
        KafkaSecurity.from_environment({f"TOCSIN_KAFKA_{name}": value for name, value in variables.items()})


def test_the_variables_are_settings_of_the_bus() -> None:
    assert SETTINGS.keys() == {name for name in Settings.model_fields if name.startswith("kafka_")}
    assert ENV_PREFIX == "TOCSIN_"
