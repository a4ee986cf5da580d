"""The rules file as pydantic checks it: every key, its type and its bounds. `build` makes the RuleBook of it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from tocsin.streams.rulesfile.match_model import MatchModel
from tocsin.streams.rulesfile.policy_model import EscalationModel, LimitsModel, TenantModel, TimeoutModel
from tocsin.streams.rulesfile.quiet_model import InhibitModel, SilenceModel, Subjects, TimeModel
from tocsin.streams.rulesfile.values import MAX_ENDPOINTS, Duration, Name, Names, Span, Strict, Text

Audience = Literal["owner", "peer", "operator"]
Body = Literal["notification", "canonical", "rfc9457", "didcomm-2.0", "aries-1.0", "hipe", "jsonrpc", "dwn-status"]


class GroupModel(Strict):
    """Problems of one route that are equal in `by` are told together."""

    by: Subjects
    wait: Duration = Field(default=0, description="Before the first is told; 0: at once.")
    interval: Span | None = Field(default=None, description="Before more of the same are told. 5m")


class RouteModel(Strict):
    """One route. The first that matches wins, unless it says `continue`; its own routes come before itself."""

    name: Name | None = Field(default=None, description="Shown where a problem says why it went where it went.")
    match: MatchModel = Field(default=MatchModel(), description="Without it, everything matches.")
    endpoints: Names | None = Field(default=None, description="Who is told; a nested route may leave it to its parent.")
    go_on: bool = Field(default=False, alias="continue", description="Go on with the next route after this one.")
    escalate: Name | None = Field(default=None, description="Escalation policy; none: not even the parent's.")
    mute: Names | None = Field(default=None, description="Mute times in which this route tells nobody.")
    group: GroupModel | None = Field(default=None, description="Tell together what belongs together.")
    repeat: Span | None = Field(default=None, description="Tell again after so long, until it is taken or over.")
    routes: list[RouteModel] = Field(default=[], max_length=1000, description="Nested routes.")


class FromEnvironment(Strict):
    """A secret that stands in an environment variable."""

    env: Text


class FromFile(Strict):
    """A secret that stands in a file; a relative path starts at the rules file's folder."""

    file: Text


class WebhookModel(Strict):
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
    audience: Audience = Field(default="owner", description="Whose it is: owner, peer (told least) or operator.")
    body: Body | None = Field(default=None, description="notification, or a dialect (didcomm-2.0 for a peer).")

    @model_validator(mode="after")
    def _one_secret(self) -> WebhookModel:
        given = [self.secret, self.secret_env, self.secret_file]
        if sum(one is not None for one in given) != 1:
            raise ValueError("a webhook needs exactly one of secret, secret_env and secret_file")
        return self


class MemoryModel(Strict):
    """Keeps the last deliveries in memory: for tests and a first look."""

    sink: Literal["memory"]
    audience: Audience = Field(default="owner", description="Whose it is: owner, peer (told least) or operator.")
    body: Body | None = Field(default=None, description="notification, or a dialect (didcomm-2.0 for a peer).")


EndpointModel = Annotated[WebhookModel | MemoryModel, Field(discriminator="sink")]


def _endpoint_alone(value: Any) -> Any:
    return {"endpoint": value} if isinstance(value, str) else value


class DefaultRouteModel(Strict):
    """Where a problem goes that no route matches."""

    endpoint: Name


class MediationModel(Strict):
    """The scenario table that the mediators and agents of this deployment follow."""

    table: Text = Field(description="identus-mediator, identus-agent, or a JSON file; relative to the rules file.")
    column: Text = Field(default="current", description="The column whose choices hold, such as current or roadmap.")
    escalate_to: Text | None = Field(default=None, description="URI that every report names for escalation.")


def _table_alone(value: Any) -> Any:
    return {"table": value} if isinstance(value, str) else value


def _time_alone(value: Any) -> Any:
    return [value] if isinstance(value, dict) else value


class RulesModel(Strict):
    """A Tocsin rules file."""

    endpoints: dict[Name, EndpointModel] = Field(min_length=1, max_length=MAX_ENDPOINTS)
    default_route: Annotated[
        DefaultRouteModel, BeforeValidator(_endpoint_alone, json_schema_input_type=DefaultRouteModel | Name)
    ] = Field(description="Mandatory: nobody must be able to say that no one was told.")
    routes: list[RouteModel] = Field(default=[], max_length=1000)
    escalations: dict[Name, EscalationModel] = Field(default={}, max_length=100, description="Policies by name.")
    silences: list[SilenceModel] = Field(default=[], max_length=1000)
    inhibit: list[InhibitModel] = Field(default=[], max_length=100)
    mute_times: dict[
        Name,
        Annotated[
            list[TimeModel],
            Field(min_length=1, max_length=50),
            BeforeValidator(_time_alone, json_schema_input_type=TimeModel | list[TimeModel]),
        ],
    ] = Field(default={}, max_length=100, description="Recurring times by name, for `mute` of routes.")
    limits: LimitsModel = Field(default=LimitsModel(), description="Thresholds of the loop rules.")
    timeouts: list[TimeoutModel] = Field(default=[], max_length=100, description="The first that fits is used.")
    tenants: dict[Text, TenantModel] = Field(default={}, max_length=1000, description="Only what differs.")
    mediation: Annotated[
        MediationModel | None, BeforeValidator(_table_alone, json_schema_input_type=MediationModel | Text | None)
    ] = Field(default=None, description="For a mediator or agent in Python, which takes it with load_mediation.")
