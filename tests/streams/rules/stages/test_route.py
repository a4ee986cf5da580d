"""The routing tree, and the matching of codes and protocols by whole tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.harness.routed_reports import a_report, routed
from tocsin.connectors.dialects.codes import fold_code, has_token_prefix
from tocsin.connectors.sinks.webhook import WebhookConfig
from tocsin.schemas.problem import Problem, Severity, Source
from tocsin.streams.rules.config import DecideConfig, Endpoint, Route, RuleBook, default_rulebook
from tocsin.streams.rules.facts import Facts
from tocsin.streams.rules.match import Match, protocol_fits

if TYPE_CHECKING:
    from tests.streams.rules.conftest import DictRows


def a_problem(code: str = "e.p.xfer.cant-use-endpoint", protocol: str | None = None) -> Problem:
    return Problem(
        dialect="didcomm-2.0",
        code=code,
        code_key=fold_code(code),
        severity=Severity.WARNING if code.startswith("w.") else Severity.ERROR,
        source=Source(protocol=protocol),
    )


@pytest.mark.parametrize(
    ("prefix", "fits"),
    [
        # The vector rule-code-prefix-token-boundary (Lumoin/Verifiable).
        pytest.param("e.p.xfer", True, id="leading tokens"),
        pytest.param("e", True, id="the first token"),
        pytest.param("e.p.xfer.cant-use-endpoint", True, id="the code itself"),
        pytest.param("e.p.x", False, id="half a token"),
        pytest.param("w", False, id="another first token"),
        pytest.param("e.p.xfer.cant-use-endpoint.more", False, id="longer than the code"),
        pytest.param("", False, id="nothing"),
    ],
)
def test_code_prefixes_are_whole_tokens(prefix: str, fits: bool) -> None:
    assert has_token_prefix("e.p.xfer.cant-use-endpoint", prefix) is fits


TOKEN = st.text("ab-", min_size=1, max_size=3)


@given(code=st.lists(TOKEN, min_size=1, max_size=5), prefix=st.lists(TOKEN, min_size=1, max_size=5))
def test_prefix_match_equals_the_comparison_of_token_lists(code: list[str], prefix: list[str]) -> None:
    assert has_token_prefix(".".join(code), ".".join(prefix)) == (code[: len(prefix)] == prefix)


@pytest.mark.parametrize(
    ("match", "code", "fits"),
    [
        pytest.param(Match(), "anything at all", True, id="an empty match fits everything"),
        pytest.param(Match.of(code=("E.P.Req",)), "e.p.req.not_enroll", True, id="case does not count"),
        pytest.param(Match.of(code=("e.p.req.not-enroll",)), "e.p.req.not_enroll", True, id="_ is -"),
        pytest.param(Match.of(code=("w", "e.p")), "e.p.did", True, id="one of several prefixes"),
        pytest.param(Match.of(code=("https://a.example/Type",)), "https://a.example/Type", True, id="a URI, verbatim"),
        pytest.param(Match.of(code=("e",), tenant=("other",)), "e.p", False, id="all lists must fit: tenant"),
        pytest.param(Match.of(tenant=("acme",)), "e.p", True, id="the tenant"),
        pytest.param(Match.of(severity=("warning",)), "e.p", False, id="another severity"),
        pytest.param(Match.of(severity=("warning", "error")), "e.p", True, id="one of several severities"),
        pytest.param(Match.of(protocol=("issue-credential",)), "e.p", False, id="a protocol that is not stated"),
    ],
)
def test_matches(match: Match, code: str, fits: bool) -> None:
    assert match.fits(Facts(a_problem(code), "acme")) is fits


PIURI = "https://didcomm.org/issue-credential/2.0"


@pytest.mark.parametrize(
    ("wanted", "fits"),
    [
        pytest.param(PIURI, True, id="the whole identifier"),
        pytest.param("https://didcomm.org/issue-credential", True, id="without its version"),
        pytest.param("issue-credential", True, id="the name"),
        pytest.param("issue-credential/2.0", True, id="name and version"),
        pytest.param("issue-credential/1.0", False, id="another version"),
        pytest.param("issue", False, id="half a name"),
        pytest.param("https://didcomm.org/issue", False, id="half a segment"),
        pytest.param("2.0", False, id="only a version"),
    ],
)
def test_protocols_fit_by_whole_segments(wanted: str, fits: bool) -> None:
    assert protocol_fits(PIURI, wanted) is fits
    assert Match.of(protocol=(wanted,)).fits(Facts(a_problem(protocol=PIURI), "acme")) is fits


def test_the_protocol_is_read_from_the_message_type_when_it_is_not_stated() -> None:
    problem = Problem(dialect="x", code="c", message_type=PIURI + "/offer-credential")
    assert Match.of(protocol=("issue-credential",)).fits(Facts(problem, "acme"))


def a_book(*routes: Route) -> RuleBook:
    names = ("owner", "peer", "desk", "fallback")
    return RuleBook(
        endpoints={name: Endpoint(name=name, sink="memory") for name in names},
        default_endpoint="fallback",
        routes=routes,
    )


XFER = Route(name="xfer", match=Match.of(code=("e.p.xfer",)), endpoints=("owner",))
ALL = Route(name="all", endpoints=("desk",))
NESTED = Route(
    name="errors",
    match=Match.of(code=("e",)),
    endpoints=("desk",),
    routes=(
        Route(name="transfer", match=Match.of(code=("e.p.xfer",)), endpoints=("owner", "peer"), go_on=True),
        Route(name="acme", match=Match.of(tenant=("acme",)), endpoints=("peer",)),
    ),
)


def route(rows: DictRows, book: RuleBook, problem: Problem) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The endpoints that are told, and the paths of the routes that say so."""
    report = a_report(problem)
    assert routed(report, rows, DecideConfig(book=book)) is None
    return report.endpoints, tuple(one.path for one in report.matched)


@pytest.mark.parametrize(
    ("routes", "code", "expected"),
    [
        pytest.param((), "e.p", (("fallback",), ()), id="no routes: the default endpoint"),
        pytest.param((XFER,), "e.p.did", (("fallback",), ()), id="no match: the default endpoint"),
        pytest.param((XFER, ALL), "e.p.xfer", (("owner",), ("xfer",)), id="the first match wins"),
        pytest.param((XFER, ALL), "w.p", (("desk",), ("all",)), id="a catch-all at the end"),
        pytest.param(
            (Route(name="copy", endpoints=("owner",), go_on=True), ALL),
            "w.p",
            (("owner", "desk"), ("copy", "all")),
            id="continue goes on to the next sibling",
        ),
        pytest.param(
            (NESTED,),
            "e.p.xfer.x",
            (("owner", "peer"), ("errors/transfer", "errors/acme")),
            id="children instead of their parent, each endpoint once",
        ),
        pytest.param((NESTED,), "e.m", (("peer",), ("errors/acme",)), id="only the second child"),
        pytest.param((NESTED, ALL), "w.p", (("desk",), ("all",)), id="children need their parent to match"),
        pytest.param(
            (Route(name="outer", endpoints=("desk",), routes=(XFER,)),),
            "w.p",
            (("desk",), ("outer",)),
            id="the parent itself when no child matches",
        ),
    ],
)
def test_route(
    rows: DictRows, routes: tuple[Route, ...], code: str, expected: tuple[tuple[str, ...], tuple[str, ...]]
) -> None:
    assert route(rows, a_book(*routes), a_problem(code)) == expected


def test_without_a_file_everything_is_unrouted(rows: DictRows) -> None:
    assert route(rows, default_rulebook(), a_problem()) == (("unrouted",), ())


def test_secrets_do_not_show() -> None:
    settings = WebhookConfig(url="https://a.example/?key=tell-no-one", secrets=("whsec_x1y2",))
    endpoint = Endpoint(name="owner", sink="webhook", settings=settings)
    for shown in (repr(endpoint), str(endpoint), repr([endpoint]), repr(endpoint.__rich_repr__())):
        assert "whsec_x1y2" not in shown
        assert "tell-no-one" not in shown
