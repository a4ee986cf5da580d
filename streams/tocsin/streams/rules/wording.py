"""What a problem means, for a person, in the language of whoever is told: the report's own words, then the catalogue's.

Each text says who wrote it and in which language, so that none is taken for what it is not.
"""

from __future__ import annotations

from typing import Any

from tocsin.connectors.catalogue import Catalogue, Origin, SourcedText, explain
from tocsin.schemas.problem import Problem
from tocsin.streams.rules.identity import shortened

MAX_WORDING = 1024
"""Characters of each text."""


def wording_of(problem: Problem, languages: tuple[str, ...], protocol: str | None) -> dict[str, Any]:
    """`title`, `explanation` and `fix_hint` of a problem, as far as there are any: the report's own in the first of
    these languages that it has, else the catalogue's, else the report's in whatever language. `protocol` is that of its
    thread."""
    catalogue = Catalogue.load()
    found = explain(problem, catalogue, languages, protocol)
    titles = []
    if found.found is not None:
        known = catalogue.wording(found.found.entry, catalogue.language(languages))
        titles.append(SourcedText(known.title, Origin.CATALOGUE, known.language))
    if problem.http is not None and problem.http.title:
        titles.append(SourcedText(problem.http.title, Origin.REPORT))
    told = {"title": titles, "explanation": found.texts, "fix_hint": found.fix_hints}
    return {name: _text(texts[0]) for name, texts in told.items() if texts}


def _text(said: SourcedText) -> dict[str, str | None]:
    stated = {} if said.language is None else {"language": said.language}
    return {"text": shortened(said.text, MAX_WORDING), "from": said.origin.value, **stated}
