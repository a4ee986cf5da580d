"""The JSON Schema of a rules file, for editors: it takes what the reader takes, and knows every key."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tocsin.streams.rulesfile import check_rulebook, json_schema
from tocsin.streams.rulesfile.document import read_document

EXAMPLE = Path(__file__).parents[3] / "deploy" / "rules.example.yaml"
SCHEMA = json_schema()
VALIDATOR = Draft202012Validator(SCHEMA)


def example() -> Any:
    return read_document(EXAMPLE.read_text("utf-8"))[0]


def test_it_is_a_schema_and_the_example_fits() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert [error.message for error in VALIDATOR.iter_errors(example())] == []


UNSHOWN = {
    "secret",
    "secret_file",
    "file",
    "enabled",
    "months",
    "record_type",
    "connection",
    "category",
    "trust",
    "keep",
    "ownership",
    "origin",
    "proxy",
    "user",
    "password",
    "resolves",
    "ca_file",
    "ends_connections",
    "keys",
    "passphrase",
}
"""Keys that the example names in a comment, or leaves out on purpose."""


def test_the_example_shows_every_key() -> None:
    keys = {key for model in _models() for key in model.get("properties", {})}
    assert keys - set(_keys(example())) <= UNSHOWN


def test_every_key_has_its_meaning_or_a_name_that_says_it() -> None:
    unsaid = {
        f"{name}.{key}"
        for name, model in SCHEMA["$defs"].items()
        for key, said in model.get("properties", {}).items()
        if key != "sink" and "description" not in said and "description" not in str(said)
    }
    assert {one for one in unsaid if one.partition(".")[0] not in SHORT} == set()


SHORT = {"FromEnvironment", "FromFile", "DefaultRouteModel", "RepeatModel", "StepModel", "SilenceModel"}
"""Models whose own description says it."""


def put(path: tuple[str | int, ...], value: Any) -> Any:
    """The example, with another value at `path`."""
    changed = deepcopy(example())
    place = changed
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return changed


@pytest.mark.parametrize(
    ("path", "value", "fits"),
    [
        pytest.param(("limits", "repeat_window"), "1h30m", True, id="a duration"),
        pytest.param(("limits", "repeat_window"), 0, True, id="no duration at all"),
        pytest.param(("limits", "repeat_window"), 60, False, id="a duration without a unit"),
        pytest.param(("limits", "repeat_widow"), "60s", False, id="a misspelt limit"),
        pytest.param(("limits", "hops"), -1, False, id="less than nothing"),
        pytest.param(("timeouts", 0, "messages"), "x", True, id="one message type"),
        pytest.param(("timeouts", 0, "quantile"), 1.5, False, id="a quantile above one"),
        pytest.param(("routes", 0, "mute"), "nights", True, id="one mute time"),
        pytest.param(("routes", 0, "group"), {"by": "code"}, True, id="by one thing"),
        pytest.param(("routes", 0, "group"), {"by": "colour"}, False, id="by what there is not"),
        pytest.param(("mute_times", "nights"), {"from": "22:00"}, True, id="one time"),
        pytest.param(("mute_times", "nights"), {"from": "24:30"}, False, id="no time"),
        pytest.param(("endpoints", "operators", "audience"), "boss", False, id="an audience that there is not"),
        pytest.param(("escalations", "on-call", "impact"), {"thread": "at_once"}, True, id="an impact"),
        pytest.param(("escalations", "on-call", "impact"), {"world": "at_once"}, False, id="an impact on the world"),
        pytest.param(("default_route",), "operators", True, id="the default endpoint alone"),
        pytest.param(("tenants", "acme", "limit"), {}, False, id="a misspelt section"),
        pytest.param(("inhibit", 0, "for"), "2h", True, id="for"),
        pytest.param(("silences", 0, "since"), "2026-12-01T06:00:00Z", False, id="since, which is called from"),
    ],
)
def test_it_takes_what_the_reader_takes(tmp_path: Path, path: tuple[str | int, ...], value: Any, fits: bool) -> None:
    changed = put(path, value)
    assert VALIDATOR.is_valid(changed) is fits
    import json

    file = tmp_path / "rules.yaml"
    file.write_text(json.dumps(changed))  # JSON is YAML
    secret = "whsec_TfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    names = ("ISSUER_WEBHOOK_SECRET", "ISSUER_WEBHOOK_SECRET_BEFORE", "WALLET_DESK_WEBHOOK_SECRET", "PEER_AGENT_SECRET")
    people = dict.fromkeys(("ANN_URL", "ON_CALL_CHANNEL_URL"), "ntfys://ntfy.example/on-call")
    errors = [one for one in check_rulebook(file, dict.fromkeys(names, secret) | people) if one.level == "error"]
    assert (errors == []) is fits, errors


def _models() -> Iterator[dict[str, Any]]:
    yield SCHEMA
    yield from SCHEMA["$defs"].values()


def _keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from _keys(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _keys(inner)
