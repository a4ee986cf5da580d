"""What a person is told: the report's own words in the wanted language first, and nothing of it is lost."""

from __future__ import annotations

import pytest

from tocsin.connectors.catalogue import Catalogue, Explanation, SourcedText, explain
from tocsin.schemas.problem import Problem

CATALOGUE = Catalogue.load()
# the report's members, the wanted languages, the texts in their order (catalogue:<language> is the catalogue's)
TOLD: dict[str, tuple[dict[str, object], list[str], list[str]]] = {
    "a report without words": ({}, ["ko"], ["catalogue:ko"]),
    "nobody wants a language": ({"text": "so it is"}, [], ["catalogue:en", "so it is"]),
    "the report has the wanted language": ({"localized": {"de": "halt"}}, ["de-AT"], ["halt", "catalogue:de"]),
    "the report has another language": ({"localized": {"fi": "seis"}}, ["de"], ["catalogue:de", "seis"]),
    "the report has English and none is wanted": ({"localized": {"en": "stop"}}, [], ["stop", "catalogue:en"]),
    "the language of the text is not stated": ({"text": "stop"}, ["fr"], ["catalogue:fr", "stop"]),
    "the same text twice": (
        {"text": "halt", "localized": {"de": "halt", "en": "stop", "fi": ""}}, ["de"], ["halt", "catalogue:de", "stop"],
    ),
    "a code that nobody knows": ({"code": "e.p.fnord", "text": "stop"}, ["de"], ["stop"]),
    "a code that nobody knows, and no words": ({"code": "e.p.fnord"}, ["de"], []),
}  # fmt: skip


def told(members: dict[str, object], languages: list[str]) -> Explanation:
    """The explanation of a report about e.p.trust with these members."""
    return explain(Problem(**({"dialect": "canonical", "code": "e.p.trust"} | members)), CATALOGUE, languages)  # type: ignore[arg-type]


def named(said: SourcedText) -> str:
    """A text as the table has it."""
    return f"catalogue:{said.language}" if said.origin == "catalogue" else said.text


@pytest.mark.parametrize(("members", "languages", "texts"), TOLD.values(), ids=TOLD)
def test_the_order_of_texts(members: dict[str, object], languages: list[str], texts: list[str]) -> None:
    assert [named(said) for said in told(members, languages).texts] == texts


def test_words_are_those_of_the_code() -> None:
    known = CATALOGUE.texts("e.p.trust", ["es"])
    assert known is not None
    assert [said.text for said in told({}, ["es"]).texts] == [known.explanation]


def test_fix_hints_of_the_report_come_first() -> None:
    hints = told({"fix_hint": {"de": "neu starten", "fr": "redémarrer"}}, ["de"]).fix_hints
    assert [(said.language, said.origin) for said in hints] == [("de", "report"), ("de", "catalogue"), ("fr", "report")]
    assert hints[0].text == "neu starten"
