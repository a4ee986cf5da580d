"""The scripts of the pages: small, and unable to make markup of a text."""

from __future__ import annotations

import re
from importlib.resources import files

from tocsin.streams.page.wording import UNITS

STATIC = files("tocsin.streams.page").joinpath("static")
SCRIPTS = {one.name: one.read_text("utf-8") for one in STATIC.iterdir() if one.name.endswith(".js")}


def test_it_stays_small() -> None:
    assert {"live.js", "stream.js"} == SCRIPTS.keys()
    assert all(len(script.splitlines()) < 150 for script in SCRIPTS.values())


def test_it_has_the_units_of_pages() -> None:
    """A time stays as it was when the script goes over it."""
    units = re.findall(r'\[(\d+), "(\w+)"\]', SCRIPTS["live.js"])
    assert [(int(seconds), name) for seconds, name in units] == [*UNITS]


def test_it_makes_markup_of_no_text() -> None:
    for way in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function(", 'setTimeout("'):
        assert way not in "".join(SCRIPTS.values()), way
