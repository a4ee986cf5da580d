"""What all processes check before they begin."""

from __future__ import annotations

import pytest

from tocsin.streams.processes.running import check_host
from tocsin.streams.settings import Settings, SettingsInvalid


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_an_address_of_another_machine_names_the_variable(host: str) -> None:
    with pytest.raises(SettingsInvalid, match=f"TOCSIN_HOST: cannot listen on '{host}'"):
        check_host(Settings(host=host))


def test_an_address_of_this_machine_is_fine() -> None:
    check_host(Settings(host="127.0.0.1"))
