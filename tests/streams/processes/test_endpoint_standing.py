"""How an endpoint stands, in a line for a person."""

from __future__ import annotations

import pytest

from tocsin.streams.processes.endpoint_standing import Standing, line_of_standing

LINES = {
    "well": (Standing(endpoint="desk"), "desk enabled"),
    "a receiver that has not agreed": (
        Standing(endpoint="desk", state="failing", failures=3, last_error="unverified (200)"),
        "desk failing 3 failures last error unverified (200) (its receiver has not agreed to be told; "
        "tocsin endpoint test desk)",
    ),
    "a receiver that fails": (
        Standing(endpoint="desk", state="failing", failures=3, last_error="server_error (500)"),
        "desk failing 3 failures last error server_error (500)",
    ),
    "off": (
        Standing(endpoint="desk", origin="rules file", state="disabled"),
        "desk disabled (tocsin endpoint enable desk --by YOU)",
    ),
}


@pytest.mark.parametrize(("standing", "line"), LINES.values(), ids=LINES)
def test_a_line(standing: Standing, line: str) -> None:
    assert line_of_standing(standing) == line
