"""What would be published of a document, without publishing it: the output of `tocsin read` and of POST /v1/read."""

from __future__ import annotations

from typing import Any

from tocsin.connectors.catalogue.categories import as_catalogued
from tocsin.connectors.dialects import AUTO
from tocsin.connectors.dialects.context import with_context
from tocsin.connectors.dialects.facts import code_facts, document_facts
from tocsin.connectors.publish.reporting import JSON, without_envelope
from tocsin.schemas.problem import Problem

CODE = "code"
"""The dialect of a bare problem code, for reading only."""


def read_facts(raw: bytes, dialect: str = AUTO, media_type: str = JSON) -> dict[str, Any]:
    """The facts of a document's bytes, as `document_facts` names them, with what the catalogue and the context beside
    it in an envelope add; or those of a bare code. Raises Unreadable, nothing else."""
    if dialect == CODE:
        return code_facts(raw)
    document, context = without_envelope(raw, media_type)
    assert isinstance(document, bytes)

    def refine(found: Problem) -> Problem:
        return as_catalogued(found if context is None else with_context(found, context))

    return document_facts(document, dialect, refine=refine)
