"""A rules file from disk to a RuleBook, with every error at once."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from functools import partial
from pathlib import Path as FilePath
from typing import Any

from pydantic import ValidationError

from tocsin.connectors.egress.proxy import Proxy
from tocsin.connectors.redaction import Redactions, default_of
from tocsin.connectors.secrets import SecretSources
from tocsin.streams.rules.config import Endpoint, RuleBook, default_rulebook
from tocsin.streams.rulesfile.build import build, redaction_of, wallets_of
from tocsin.streams.rulesfile.checking import check_whole
from tocsin.streams.rulesfile.document import MAX_BYTES, Unusable, read_document
from tocsin.streams.rulesfile.endpoints import endpoints_of, proxy_of
from tocsin.streams.rulesfile.finding import Finding, Findings, Path, RulesFileError
from tocsin.streams.rulesfile.mediation import MediationRules, mediation_of
from tocsin.streams.rulesfile.model import RulesModel
from tocsin.streams.rulesfile.wording import note_errors

OPTIONAL = ("routes", "escalations", "inhibit", "silences", "mute_times", "limits", "timeouts", "redaction", "tenants")
"""Sections that may stand there empty."""


def load_rulebook(
    path: str | FilePath | None, environment: Mapping[str, str] | None = None, own: Collection[str] = ()
) -> RuleBook:
    """The rules in a file, or the default ones without a file. Raises RulesFileError with all findings.

    Secrets are looked up in `environment` (default: the process's own) and in files. `own` are the base URLs of this
    bus's gateway, which no endpoint may be.
    """
    if path is None:
        return default_rulebook()
    book, findings = read_rules(path, environment, own)
    if book is None:
        raise RulesFileError(findings)
    return book


def check_rulebook(
    path: str | FilePath, environment: Mapping[str, str] | None = None, own: Collection[str] = ()
) -> list[Finding]:
    """Every error and warning in a rules file, in its order; empty when all is well."""
    return read_rules(path, environment, own)[1]


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a rules file, for editors."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **RulesModel.model_json_schema(by_alias=True, mode="validation"),
    }


def read_content(path: str | FilePath) -> bytes | OSError:
    """What is in a rules file, or why it cannot be read; of one that is too large only so much that this shows."""
    try:
        with FilePath(path).open("rb") as opened:
            return opened.read(MAX_BYTES + 1)
    except OSError as error:
        return error


def read_rules(
    path: str | FilePath,
    environment: Mapping[str, str] | None = None,
    own: Collection[str] = (),
    *,
    content: bytes | OSError | None = None,
) -> tuple[RuleBook | None, list[Finding]]:
    """The rule book, None when there is an error, and all findings. `content` is what `read_content` gave, for a caller
    that must know what exactly was taken: then the file is not read again."""
    file = FilePath(path)
    findings = Findings(str(path))
    data = _data(read_content(file) if content is None else content, findings)
    model = None if findings.failed else _model(data, findings)
    if model is None:
        return None, findings.in_order()
    sources = SecretSources(environment=os.environ if environment is None else environment, folder=file.parent)
    book = build(model, *_endpoints(data, sources, findings), findings)
    if not findings.failed:
        check_whole(book, own, findings)
    mediation_of(model.mediation, file.parent, findings)
    return None if findings.failed else book, findings.in_order()


def load_mediation(path: str | FilePath) -> MediationRules | None:
    """The section `mediation` of a rules file: the table, its column and the escalation address for
    `tocsin.connectors.mediation.Mediation`. None when there is no such section. Raises RulesFileError."""
    file = FilePath(path)
    findings = Findings(str(path))
    data = _data(read_content(file), findings)
    model = None if findings.failed else _model(data, findings)
    rules = None if model is None else mediation_of(model.mediation, file.parent, findings)
    if findings.failed:
        raise RulesFileError(findings.in_order())
    return rules


def endpoint_names(path: str | FilePath | None) -> frozenset[str]:
    """The names of a file's endpoints as it is now; those of the default rules without one, none when the file cannot
    be used now. No secret is looked up."""
    if path is None:
        return frozenset(default_rulebook().endpoints)
    findings = Findings(str(path))
    data = _data(read_content(path), findings)
    model = None if findings.failed else _model(data, findings)
    return frozenset() if model is None else frozenset(model.endpoints)


def load_redactions(path: str | FilePath | None) -> Redactions:
    """What a rules file says of secrets in the events of each tenant, for a publisher: no secret of the file itself is
    looked up. Raises RulesFileError."""
    return default_of if path is None else partial(redaction_of, _read_alone(path)[0])


def load_wallets(path: str | FilePath | None) -> Mapping[str, str]:
    """The tenant of each wallet that a rules file names: no secret of the file is looked up. Raises RulesFileError."""
    if path is None:
        return {}
    model, findings = _read_alone(path)
    wallets = wallets_of(model, findings)
    if findings.failed:
        raise RulesFileError(findings.in_order())
    return wallets


def _read_alone(path: str | FilePath) -> tuple[RulesModel, Findings]:
    """What a file says, without what it refers to."""
    findings = Findings(str(path))
    data = _data(read_content(path), findings)
    model = None if findings.failed else _model(data, findings)
    if model is None:
        raise RulesFileError(findings.in_order())
    return model, findings


def _data(data: bytes | OSError, findings: Findings) -> Any:
    if isinstance(data, OSError):
        findings.error((), f"the rules file cannot be read: {data.strerror}", remedy="check TOCSIN_RULES or --rules")
        return None
    if len(data) > MAX_BYTES:
        findings.error((), "the rules file is too large", f"at most {MAX_BYTES} bytes")
        return None
    try:
        found, findings.lines = read_document(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        findings.lines = {(): line}
        findings.error((), "this is not UTF-8", remedy="save it as UTF-8")
        return None
    except Unusable as unusable:
        findings.lines = {(): unusable.line}
        findings.error((), unusable.message, remedy=unusable.remedy)
        return None
    return found


def _endpoints(data: Any, sources: SecretSources, findings: Findings) -> tuple[dict[str, Endpoint], Proxy | None]:
    """The endpoints, and the proxy of those that name none."""
    within: Path = ("proxy",)
    try:
        proxy = proxy_of(data.get("proxy"), sources)
        within = ("endpoints",)
        return endpoints_of(data["endpoints"], sources, findings, proxy), proxy
    except ValidationError as error:
        note_errors(error, findings, within)
        return {}, None


def _model(data: Any, findings: Findings) -> RulesModel | None:
    if not isinstance(data, dict):
        findings.error((), "a rules file is a mapping", "endpoints, default_route and routes at the top")
        return None
    given = {name: value for name, value in data.items() if value or name not in OPTIONAL}
    try:
        return RulesModel.model_validate(given)
    except ValidationError as error:
        note_errors(error, findings)
        return None
