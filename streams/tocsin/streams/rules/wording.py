"""What a problem means, for a person, in the language of whoever is told: the report's own words, then the catalogue's.

Each text says who wrote it and in which language, so that none is taken for what it is not.
"""

from __future__ import annotations

from typing import Any

import msgspec

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


def in_language(problem: Problem, languages: tuple[str, ...], protocol: str | None, *, one: bool) -> Problem:
    """The problem with a text in the first of these languages that there is one in: its own, else, beside what it says
    in another, the catalogue's title of its code. `one`: only one text can be said, and that is it unless the problem
    says something that the catalogue does not."""
    if not languages:
        return problem
    own = next((tag for wanted in languages for tag in problem.localized if _is_in(tag, wanted)), None)
    if own is not None:
        text = problem.localized[own]
        return problem if text == problem.text or not one else _saying(problem, text, own)
    title = wording_of(msgspec.structs.replace(problem, http=None), languages, protocol).get("title")
    if title is None or not _is_in(title.get("language") or "", languages[0]):
        return problem
    if problem.text is None and problem.text_template is None:
        return _saying(problem, title["text"], title["language"])
    return (
        problem
        if one
        else msgspec.structs.replace(problem, localized={**problem.localized, title["language"]: title["text"]})
    )


def _saying(problem: Problem, text: str, language: str) -> Problem:
    said = {**problem.localized, language: text}
    return msgspec.structs.replace(problem, text=text, text_template=None, args=[], localized=said)


def _is_in(tag: str, wanted: str) -> bool:
    return tag.replace("_", "-").lower().partition("-")[0] == wanted.replace("_", "-").lower().partition("-")[0]


def _text(said: SourcedText) -> dict[str, str | None]:
    stated = {} if said.language is None else {"language": said.language}
    return {"text": shortened(said.text, MAX_WORDING), "from": said.origin.value, **stated}
