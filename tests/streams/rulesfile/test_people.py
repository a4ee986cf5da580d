"""Endpoints of people in the rules file: what is taken, what is refused without being quoted, in which language."""

from __future__ import annotations

from pathlib import Path

import pytest

from tocsin.connectors.sinks.notify import NotifyConfig
from tocsin.streams.rulesfile import check_rulebook, load_rulebook

URL = "mailtos://bus:s3cret@mail.example.org?to=ann@example.org"


def rules(folder: Path, endpoint: str, more: str = "") -> Path:
    file = folder / "rules.yaml"
    file.write_text(f"endpoints:\n  ann: {{sink: notify, {endpoint}}}\ndefault_route: {{endpoint: ann}}\n{more}")
    return file


def test_an_address_may_stand_in_a_file_in_the_environment_or_as_text(tmp_path: Path) -> None:
    (tmp_path / "ann.url").write_text(f"{URL}\n")
    file = rules(tmp_path, f"url: {{file: ann.url}}, urls: [{{env: ANN}}, '{URL}'], form: markdown, timeout: 5")
    book = load_rulebook(file, {"ANN": URL})
    settings = book.endpoints["ann"].settings
    assert isinstance(settings, NotifyConfig)
    assert (settings.url, settings.urls, settings.form, settings.timeout) == (URL, (URL, URL), "markdown", 5)
    assert "s3cret" not in f"{book} {book!r}"


# what is wrong -> what is said
WRONG: dict[str, tuple[str, str]] = {
    "no address": ("form: text", "notify needs url, or urls"),
    "not a URL": ("url: s3cret", "not a URL of a service"),
    "a service that there is not": ("url: 's3cret://x'", "knows no service"),
    "not the whole of it": ("url: 'slack://s3cret'", "something is missing in the slack:// URL"),
    "one of several": (f"urls: ['{URL}', 'slack://s3cret']", "something is missing in the slack:// URL"),
    "a private address": ("url: 'ntfy://127.0.0.1/s3cret'", "not public: allow_private"),
    "a file that there is not": ("url: {file: s3cret.url}", "cannot be read"),
    "no time at all": (f"url: '{URL}', timeout: 0", "timeout"),
    "a dialect that people do not read": (f"url: '{URL}', body: rfc9457", "who do not read rfc9457 (expected notif"),
    "a form that there is not": (f"url: '{URL}', form: html", "form"),
}


@pytest.mark.parametrize(("endpoint", "why"), WRONG.values(), ids=list(WRONG))
def test_what_is_wrong_is_found_and_not_quoted(tmp_path: Path, endpoint: str, why: str) -> None:
    findings = check_rulebook(rules(tmp_path, endpoint), {})
    assert [one.level for one in findings] == ["error"]
    assert why in str(findings[0])
    assert "s3cret" not in str(findings[0]).replace("s3cret.url", "")


@pytest.mark.parametrize(
    ("endpoint", "tenant", "languages"),
    [
        ("language: [fr]", "", ("fr",)),
        ("language: [fr]", "tenants: {acme: {language: de}}", ("fr",)),
        ("form: text", "tenants: {acme: {language: de}}", ("de",)),
        ("form: text", "", ("en",)),
    ],
    ids=["its own", "before its tenant's", "its tenant's", "none"],
)
def test_people_are_always_told_what_it_means(
    tmp_path: Path, endpoint: str, tenant: str, languages: tuple[str, ...]
) -> None:
    book = load_rulebook(rules(tmp_path, f"url: '{URL}', {endpoint}", tenant))
    assert book.languages_of("ann", "acme") == languages


def test_the_words_of_the_sink_are_in_its_endpoints_language(tmp_path: Path) -> None:
    settings = load_rulebook(rules(tmp_path, f"url: '{URL}', language: [ko, en]")).endpoints["ann"].settings
    assert isinstance(settings, NotifyConfig)
    assert settings.language == ("ko", "en")
