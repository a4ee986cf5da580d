"""What the gateway is configured with where a setting is absent."""

from __future__ import annotations

import pytest

from tocsin.streams.processes.gateway import config_of
from tocsin.streams.setting_values import without_user
from tocsin.streams.settings import Settings


@pytest.mark.parametrize(
    ("said", "who"),
    [
        pytest.param({}, "loopback", id="on this machine alone"),
        pytest.param({"host": "::1"}, "loopback", id="by the other loopback address"),
        pytest.param({"public_url": "http://localhost:8700"}, "loopback", id="a public address that is none"),
        pytest.param({"public_url": "https://bus.example"}, "off", id="a public address"),
        pytest.param({"allowed_hosts": "bus.example"}, "off", id="another name"),
        pytest.param({"host": "0.0.0.0"}, "off", id="every address"),
        pytest.param({"public_url": "https://bus.example", "anonymous": "loopback"}, "loopback", id="as it is said"),
        pytest.param({"anonymous": "off"}, "off", id="nobody, on this machine alone"),
    ],
)
def test_who_needs_no_credential(said: dict[str, str], who: str) -> None:
    """Whoever gives the gateway a name has a proxy before it, or lets others ask: a usual proxy asks by a loopback name
    and says nothing of those behind it."""
    assert config_of(Settings(**said)).anonymous == who  # type: ignore[arg-type]


@pytest.mark.parametrize("url", ["https://bus.example", "https://u:p@bus.example/x", "https://u:p@q@bus.example:8443"])
def test_its_public_name_is_a_name_of_it_whoever_signs_in_there(url: str) -> None:
    """A link that leads there is answered, and what is written down of it holds no password."""
    assert "bus.example" in config_of(Settings(public_url=url)).hosts
    assert without_user(url).startswith("https://bus.example")
