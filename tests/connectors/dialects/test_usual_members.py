"""RFC 9457 extension members with usual names are context."""

from __future__ import annotations

import pytest

from tocsin.connectors.dialects import read_parsed
from tocsin.connectors.dialects.context import USUAL
from tocsin.schemas.problem import Problem


def snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def read(**members: object) -> Problem:
    found = read_parsed({"title": "t", "status": 500} | members, "rfc9457")
    assert isinstance(found, Problem)
    return found


@pytest.mark.parametrize(
    "spelt", [str, snake, lambda name: snake(name).replace("_", "-")], ids=["camel", "snake", "kebab"]
)
@pytest.mark.parametrize("name", USUAL)
def test_each_name_in_each_spelling(name: str, spelt: type[str]) -> None:
    found = read(**{spelt(name): "it"})
    field = USUAL[name]
    assert (getattr(found, field, None) or getattr(found.source, field, None), found.conformant) == ("it", True)
    assert found.extensions == {spelt(name): '"it"'}


def test_a_thread_is_a_stated_one() -> None:
    found = read(thid="t", pthid="p")
    assert (found.thread_id, found.parent_thread_id, found.thread_id_derived) == ("t", "p", False)
    assert found.context_ids == ["p", "t"]


def test_of_several_names_of_a_request_its_own_counts() -> None:
    assert read(traceId="c", correlationId="b", requestId="a").request_id == "a"


def test_a_number_is_its_digits_and_what_cannot_be_is_flagged_and_kept() -> None:
    found = read(recordId=42, connectionId={"a": 1}, threadId="x" * 300, walletId=True, pthid="?")
    assert (found.source.record_id, found.source.connection, found.thread_id, found.source.wallet) == ("42",) + (
        None,
    ) * 3
    flagged = {(one.rule, one.pointer) for one in found.violations}
    assert flagged == {("context-not-usable", f"/{name}") for name in ("connectionId", "threadId", "walletId", "pthid")}
    assert len(found.extensions) == 5
