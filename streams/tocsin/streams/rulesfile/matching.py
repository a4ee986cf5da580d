"""The pure form of a `match`; a CEL expression that could never be worked out is an error."""

from __future__ import annotations

from tocsin.streams.rules.routing.expression import ExpressionRefused, check_expression
from tocsin.streams.rules.rulebook import Match
from tocsin.streams.rulesfile.finding import Findings, Path
from tocsin.streams.rulesfile.match_model import MatchModel


def match_of(model: MatchModel, path: Path, findings: Findings) -> Match:
    """What the rules compare a problem with."""
    if model.expr is not None:
        try:
            check_expression(model.expr)
        except ExpressionRefused as refused:
            findings.error((*path, "expr"), f"this is not a usable CEL expression: {refused}", refused.expected)
    return Match(
        codes=tuple(model.code),
        tenants=tuple(model.tenant),
        severities=tuple(model.severity),
        protocols=tuple(model.protocol),
        categories=tuple(model.category),
        scopes=tuple(model.scope),
        trusts=tuple(model.trust),
        record_types=tuple(model.record_type),
        connections=tuple(model.connection),
        expr=model.expr or "",
    )
