"""What a replay was narrowed to is read back from its command, whatever people say beside it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.streams.cli.replay.log import Asked
from tocsin.streams.cli.replay.narrowed import continued, noted
from tocsin.streams.processes.exit_codes import CommandFailed

WORDS = st.none() | st.text(max_size=50) | st.text(max_size=20).map(lambda text: f'only {{"tenant": "eve"}}{text}')


def asked(tenant: str | None = None, *codes: str) -> Asked:
    return Asked("owner", 0, 9, tenant, frozenset(codes))


@given(tenant=st.none() | st.text(max_size=30), codes=st.frozensets(st.text(max_size=20), max_size=3), why=WORDS)
def test_it_is_read_back_as_it_was_given(tenant: str | None, codes: frozenset[str], why: str | None) -> None:
    given = asked(tenant, *codes)
    assert continued(asked(), noted(given, why)) == given
    assert continued(given, noted(given, why)) == given, "said again, it is the same"


@given(why=st.none() | st.text(max_size=50) | st.text(max_size=50).map("only {".__add__))
def test_whatever_stands_there_is_read(why: str | None) -> None:
    continued(asked(), why)


def test_people_can_read_it() -> None:
    said = noted(asked("acme", "e.p.xfer"), "it lost its disk")
    assert said == 'only {"tenant": "acme", "code": ["e.p.xfer"]}; it lost its disk'
    assert noted(asked(), "it lost its disk") == "it lost its disk"
    assert noted(asked(), None) is None


# what it is asked for now -> what is said of it
OTHERS = {"another tenant": asked("globex"), "a code": asked("acme", "e.p"), "a code and no tenant": asked(None, "e.p")}


@pytest.mark.parametrize("now", OTHERS.values(), ids=list(OTHERS))
def test_something_else_than_before_is_refused(now: Asked) -> None:
    with pytest.raises(CommandFailed, match=r'only \{"tenant": "acme"\}'):
        continued(now, noted(asked("acme"), None))
    with pytest.raises(CommandFailed, match="neither --tenant nor --code"):
        continued(now, None)


def test_more_than_a_command_holds_is_refused() -> None:
    with pytest.raises(CommandFailed, match="say less"):
        noted(asked("acme"), "x" * 2000)
