"""Which silences of the rules file a tenant is told of."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tocsin.schemas.events import MatchOperator
from tocsin.streams.processes.settings_ports import silences_of_file
from tocsin.streams.rules.config import Silence, default_rulebook
from tocsin.streams.rules.match import Match, Matcher

ACME, GLOBEX = (Match([Matcher("tenant", MatchOperator.EQUAL, (name,))]) for name in ("acme", "globex"))
CODE = Match([Matcher("code", MatchOperator.EQUAL, ("x",))])

# who asks, and what is told: those that end first before the others
ASKED: dict[str, tuple[str | None, list[str]]] = {
    "a tenant is not told what is another's": ("acme", ["own", "everybodys"]),
    "who may see every tenant is told all": (None, ["own", "anothers", "everybodys"]),
}


@pytest.mark.parametrize(("tenant", "told"), ASKED.values(), ids=ASKED)
def test_silences_of_the_file(tenant: str | None, told: list[str]) -> None:
    book = replace(
        default_rulebook(),
        silences=(
            Silence(name="everybodys", match=CODE, since=0, until=30),
            Silence(name="own", match=ACME, since=0, until=10),
            Silence(name="anothers", match=GLOBEX, since=0, until=20),
            Silence(name="over", match=CODE, since=0, until=5),
        ),
    )
    assert [one.name for one in silences_of_file(book, 5, tenant)] == told
