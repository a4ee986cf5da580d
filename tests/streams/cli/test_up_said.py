"""What `tocsin up` says of publishing holds for the gateway that it runs."""

from __future__ import annotations

import pytest

from tocsin.streams.cli.up import _publishing
from tocsin.streams.settings import Settings

OPEN = {
    "by default": ({}, True),
    "switched off": ({"anonymous": "off"}, False),
    "reached by another name": ({"allowed_hosts": "bus.example"}, False),
}


@pytest.mark.parametrize(("settings", "is_open"), OPEN.values(), ids=OPEN)
def test_a_key_is_in_the_command_where_one_is_needed(settings: dict[str, str], is_open: bool) -> None:
    said = "\n".join(_publishing("http://127.0.0.1:8700", Settings(tenant="acme", **settings)))  # type: ignore[arg-type]
    assert ("Bearer $TOCSIN_API_KEY" in said, "keys create --tenant acme --scope publish" in said) == (not is_open,) * 2
    assert "curl -i http://127.0.0.1:8700/v1/problems" in said
