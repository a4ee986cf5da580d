"""What to tell a person about one problem: the report's own words first, then the catalogue's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

from msgspec import Struct

from tocsin.connectors.catalogue.catalogue import Catalogue, Found, protocol_of
from tocsin.connectors.catalogue.languages import DEFAULT, negotiate
from tocsin.connectors.catalogue.limits import code_to_explain
from tocsin.connectors.dialects.didcomm1_writing import catalogue as named_catalogue
from tocsin.schemas.problem import Problem


class Origin(StrEnum):
    """Who wrote a text."""

    REPORT = "report"
    CATALOGUE = "catalogue"


class SourcedText(Struct, frozen=True):
    """A text, who wrote it, and the language as it was stated; None = not stated."""

    text: str
    origin: Origin
    language: str | None = None


class Explanation(Struct, frozen=True, kw_only=True):
    """The texts and the hints about one problem, the first to be shown first, and the entry that they come from. A
    stated language is not proof: ACA-Py writes Korean under `en` (docs/requirements.md#b1-14), so all are kept."""

    found: Found | None
    texts: list[SourcedText]
    fix_hints: list[SourcedText]


def explain(
    problem: Problem, catalogue: Catalogue, languages: Sequence[str] = (), protocol: str | None = None
) -> Explanation:
    """What the report says in the first wanted language that it has, then what the catalogue says, then what the report
    says in a language that it does not state. `protocol` is the one in which it happened, where the report does not say
    it."""
    wanted = [*languages, DEFAULT]
    stated = problem.source.protocol or problem.message_type
    found = catalogue.find(code_to_explain(problem), protocol_of(stated) or protocol, named_catalogue(problem))
    texts, hints = _of_report(problem.localized, languages), _of_report(problem.fix_hint, languages)
    if found is not None:
        known = catalogue.wording(found.entry, catalogue.language(languages))
        texts.append(SourcedText(known.explanation, Origin.CATALOGUE, known.language))
        hints.append(SourcedText(known.fix_hint, Origin.CATALOGUE, known.language))
    unstated = [] if problem.text is None else [SourcedText(problem.text, Origin.REPORT)]
    texts += unstated + _all_of_report(problem.localized, wanted)
    hints += _all_of_report(problem.fix_hint, wanted)
    return Explanation(found=found, texts=_distinct(texts), fix_hints=_distinct(hints))


def _of_report(localized: Mapping[str, str], languages: Sequence[str]) -> list[SourcedText]:
    name = negotiate(languages, localized) if languages else DEFAULT
    return [] if name is None or name not in localized else [SourcedText(localized[name], Origin.REPORT, name)]


def _all_of_report(localized: Mapping[str, str], wanted: Sequence[str]) -> list[SourcedText]:
    """The wanted languages in their order, then the others by name."""
    names = sorted(localized, key=lambda name: (wanted.index(name) if name in wanted else len(wanted), name))
    return [SourcedText(localized[name], Origin.REPORT, name) for name in names]


def _distinct(said: Sequence[SourcedText]) -> list[SourcedText]:
    """Each text once, where it stands first; empty ones never."""
    first: dict[str, SourcedText] = {}
    for each in said:
        first.setdefault(each.text, each)
    first.pop("", None)
    return list(first.values())
