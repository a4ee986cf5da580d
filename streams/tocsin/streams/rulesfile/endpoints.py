"""The endpoints of a rules file: secrets fetched from where they stand, and each sink asked whether it could work."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path as FilePath

from tocsin.connectors.sinks import SinkMisconfigured, make_sink
from tocsin.connectors.webhooks import decode_secret
from tocsin.streams.rules.config import Endpoint
from tocsin.streams.rulesfile.finding import Findings, Path
from tocsin.streams.rulesfile.model import FromEnvironment, FromFile, MemoryModel, RulesModel, WebhookModel

MAX_SECRET_FILE = 4096
"""Bytes of a file that holds one secret."""


def endpoints_of(
    model: RulesModel, folder: FilePath, environment: Mapping[str, str], findings: Findings
) -> dict[str, Endpoint]:
    """The endpoints by name; `folder` is where relative secret files start. No secret is ever quoted in a finding."""
    found = {}
    for name, each in model.endpoints.items():
        path: Path = ("endpoints", name)
        if isinstance(each, MemoryModel):
            found[name] = Endpoint(name=name, sink="memory", audience=each.audience, body=_body(each))
            continue
        secrets = _Secrets(path, folder, environment, findings).all_of(each)
        found[name] = Endpoint(
            name=name,
            sink="webhook",
            url=each.url,
            secrets=secrets,
            allow_private=each.allow_private,
            headers=tuple(each.headers.items()),
            audience=each.audience,
            body=_body(each),
        )
        if not findings.failed:
            _try_sink(found[name], path, findings)
    return found


def sink_settings(endpoint: Endpoint) -> dict[str, object]:
    """The settings that `make_sink(endpoint.sink, ...)` takes."""
    if endpoint.sink == "memory":
        return {}
    return {
        "url": endpoint.url,
        "secrets": list(endpoint.secrets),
        "allow_private": endpoint.allow_private,
        "headers": dict(endpoint.headers),
    }


def _body(model: WebhookModel | MemoryModel) -> str:
    """What is sent: a peer does not know our notification, and is told in its own protocol (REQUIREMENTS b.1 34)."""
    return model.body or ("didcomm-2.0" if model.audience == "peer" else "notification")


def _try_sink(endpoint: Endpoint, path: Path, findings: Findings) -> None:
    try:
        make_sink(endpoint.sink, sink_settings(endpoint))
    except SinkMisconfigured as refused:
        message = f"endpoint {endpoint.name}, {refused.field}: {refused.why}"
        findings.error((*path, refused.field), message, remedy="correct it")


class _Secrets:
    """Fetches the secrets of one endpoint, and notes those that are not there."""

    def __init__(self, path: Path, folder: FilePath, environment: Mapping[str, str], findings: Findings) -> None:
        self._path = path
        self._folder = folder
        self._environment = environment
        self._findings = findings

    def all_of(self, webhook: WebhookModel) -> tuple[str, ...]:
        """The newest first."""
        found = []
        if webhook.secret is not None:
            found.append(self._usable(webhook.secret, "secret"))
        if webhook.secret_env is not None:
            found.append(self._from_environment(webhook.secret_env, "secret_env"))
        if webhook.secret_file is not None:
            found.append(self._from_file(webhook.secret_file, "secret_file"))
        for number, each in enumerate(webhook.secrets):
            if isinstance(each, FromEnvironment):
                found.append(self._from_environment(each.env, "secrets", number))
            elif isinstance(each, FromFile):
                found.append(self._from_file(each.file, "secrets", number))
            else:
                found.append(self._usable(each, "secrets", number))
        return tuple(found)

    def _usable(self, secret: str, *where: str | int) -> str:
        try:
            decode_secret(secret)
        except ValueError as error:
            remedy = "make one: whsec_ and what `openssl rand -base64 32` prints"
            self._findings.error((*self._path, *where), str(error), remedy=remedy)
        return secret

    def _from_environment(self, variable: str, *where: str | int) -> str:
        value = self._environment.get(variable, "").strip()
        if not value:
            message = f"the environment variable {variable} is not set"
            self._findings.error((*self._path, *where), message, "a secret in it", f"set {variable}")
            return ""
        return self._usable(value, *where)

    def _from_file(self, name: str, *where: str | int) -> str:
        file = self._folder / name
        try:
            with file.open("rb") as opened:
                data = opened.read(MAX_SECRET_FILE + 1)
            value = data.decode().strip() if len(data) <= MAX_SECRET_FILE else ""
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not text"
            self._findings.error((*self._path, *where), f"the secret file {file} cannot be read: {reason}")
            return ""
        if not value:
            message = f"the secret file {file} holds no secret"
            self._findings.error((*self._path, *where), message, f"one secret, at most {MAX_SECRET_FILE} bytes")
            return ""
        return self._usable(value, *where)
