"""The rules file as pydantic checks it: every key, its type and its bounds. `build` makes the RuleBook of it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
"""Name of an endpoint or a route: it becomes a Kafka key and a metric label."""

MAX_ENDPOINTS = 100
"""Endpoints in one file, and so the most that one problem can be told to (RELIABILITY 3.4 fan-out)."""


def _one_or_many(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _whole_tokens(code: str) -> str:
    if not code.strip() or (":" not in code and (code.startswith(".") or code.endswith(".") or ".." in code)):
        raise ValueError("a code prefix is whole tokens, such as e.p.xfer, without a dot at its ends")
    return code


Text = Annotated[str, StringConstraints(min_length=1, max_length=2048)]
Texts = Annotated[
    list[Text], Field(max_length=100), BeforeValidator(_one_or_many, json_schema_input_type=Text | list[Text])
]
"""A list of strings, or one string for a list of one."""

Code = Annotated[Text, AfterValidator(_whole_tokens)]
Codes = Annotated[
    list[Code], Field(max_length=100), BeforeValidator(_one_or_many, json_schema_input_type=Code | list[Code])
]
Names = Annotated[
    list[Name],
    Field(min_length=1, max_length=MAX_ENDPOINTS),
    BeforeValidator(_one_or_many, json_schema_input_type=Name | list[Name]),
]
Severities = Annotated[
    list[Literal["error", "warning", "unknown"]],
    BeforeValidator(_one_or_many, json_schema_input_type=str | list[Literal["error", "warning", "unknown"]]),
]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


class MatchModel(_Strict):
    """What a route asks of a problem. Entries of one list are alternatives; all lists that are given must fit."""

    code: Codes = Field(default=[], description="Code prefixes by whole tokens: e.p.xfer fits e.p.xfer.cant-use.")
    tenant: Texts = Field(default=[], description="Tenants.")
    severity: Severities = Field(default=[], description="error, warning or unknown.")
    protocol: Texts = Field(default=[], description="Protocols: issue-credential, or a PIURI with or without version.")


class RouteModel(_Strict):
    """One route. The first that matches wins, unless it says `continue`; its own routes come before itself."""

    name: Name | None = Field(default=None, description="Shown where a problem says why it went where it went.")
    match: MatchModel = Field(default=MatchModel(), description="Without it, everything matches.")
    endpoints: Names | None = Field(default=None, description="Who is told; a nested route may leave it to its parent.")
    go_on: bool = Field(default=False, alias="continue", description="Go on with the next route after this one.")
    routes: list[RouteModel] = Field(default=[], max_length=1000, description="Nested routes.")


class FromEnvironment(_Strict):
    """A secret that stands in an environment variable."""

    env: Text


class FromFile(_Strict):
    """A secret that stands in a file; a relative path starts at the rules file's folder."""

    file: Text


class WebhookModel(_Strict):
    """A webhook: a signed POST (Standard Webhooks). Exactly one of secret, secret_env and secret_file is needed."""

    sink: Literal["webhook"]
    url: Text = Field(description="https on port 443, unless allow_private.")
    secret: Text | None = Field(default=None, description="whsec_ and base64 of 24 to 64 bytes.")
    secret_env: Text | None = Field(default=None, description="Name of the environment variable that holds it.")
    secret_file: Text | None = Field(default=None, description="File that holds it.")
    secrets: list[Text | FromEnvironment | FromFile] = Field(
        default=[], max_length=10, description="Earlier secrets that still sign too, during a rotation."
    )
    allow_private: bool = Field(default=False, description="Plain http, any port and private addresses are right here.")
    headers: dict[Text, str] = Field(default={}, max_length=20, description="Sent with each request.")

    @model_validator(mode="after")
    def _one_secret(self) -> WebhookModel:
        given = [self.secret, self.secret_env, self.secret_file]
        if sum(one is not None for one in given) != 1:
            raise ValueError("a webhook needs exactly one of secret, secret_env and secret_file")
        return self


class MemoryModel(_Strict):
    """Keeps the last deliveries in memory: for tests and a first look."""

    sink: Literal["memory"]


EndpointModel = Annotated[WebhookModel | MemoryModel, Field(discriminator="sink")]


def _endpoint_alone(value: Any) -> Any:
    return {"endpoint": value} if isinstance(value, str) else value


class DefaultRouteModel(_Strict):
    """Where a problem goes that no route matches."""

    endpoint: Name


class MediationModel(_Strict):
    """The scenario table that the mediators and agents of this deployment follow."""

    table: Text = Field(description="identus-mediator, identus-agent, or a JSON file; relative to the rules file.")
    column: Text = Field(default="current", description="The column whose choices hold, such as current or roadmap.")
    escalate_to: Text | None = Field(default=None, description="URI that every report names for escalation.")


def _table_alone(value: Any) -> Any:
    return {"table": value} if isinstance(value, str) else value


class RulesModel(_Strict):
    """A Tocsin rules file."""

    endpoints: dict[Name, EndpointModel] = Field(min_length=1, max_length=MAX_ENDPOINTS)
    default_route: Annotated[
        DefaultRouteModel, BeforeValidator(_endpoint_alone, json_schema_input_type=DefaultRouteModel | Name)
    ] = Field(description="Mandatory: nobody must be able to say that no one was told.")
    routes: list[RouteModel] = Field(default=[], max_length=1000)
    mediation: Annotated[
        MediationModel | None, BeforeValidator(_table_alone, json_schema_input_type=MediationModel | Text | None)
    ] = Field(default=None, description="For a mediator or agent in Python, which takes it with load_mediation.")
