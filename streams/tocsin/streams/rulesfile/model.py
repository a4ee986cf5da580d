"""The rules file as pydantic checks it: every key, its type and its bounds. `build` makes the RuleBook of it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from tocsin.connectors.egress.proxy import ProxyInFile
from tocsin.connectors.redaction import Redaction
from tocsin.connectors.sections import Listed, Strict, Text, file_model
from tocsin.streams.rules.config import Inhibition, RedactionInFile, Route, Silence, TimeOfWeek
from tocsin.streams.rules.policies import EscalationPolicy, LoopLimits, TimeoutPolicy
from tocsin.streams.rules.values import LANGUAGES, MAX_ENDPOINTS, Languages, Name
from tocsin.streams.rulesfile.endpoints import Endpoints


def _endpoint_alone(value: Any) -> Any:
    return {"endpoint": value} if isinstance(value, str) else value


class DefaultRouteModel(Strict):
    """Where a problem goes that no route matches."""

    endpoint: Name


class MediationModel(Strict):
    """The scenario table that the mediators and agents of this deployment follow."""

    table: Text = Field(
        description="identus-mediator, identus-agent, tocsin-didcomm, or a JSON file; relative to the rules file."
    )
    column: Text = Field(default="current", description="The column whose choices hold, such as current or roadmap.")
    escalate_to: Text | None = Field(default=None, description="URI that every report names for escalation.")


def _table_alone(value: Any) -> Any:
    return {"table": value} if isinstance(value, str) else value


class SomeLimits(BaseModel):
    """Limits, of which only those in `model_fields_set` were given."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        return handler.generate_schema(file_model(LoopLimits))


Timeouts = Annotated[tuple[TimeoutPolicy, ...], Listed(max_length=100)]


class TenantModel(Strict):
    """What holds for one tenant instead of the file's own: only what differs."""

    limits: SomeLimits = Field(default=SomeLimits(), description="Thresholds of the loop rules that differ.")
    timeouts: Timeouts = Field(default=(), description="Asked before the file's own.")
    language: Languages = Field(default=(), description=f"{LANGUAGES} For endpoints that have none of their own.")
    redaction: RedactionInFile | None = Field(default=None, description="Instead of the file's own.")
    wallet: Text | None = Field(default=None, description="Its walletId for endpoints whose body is identus.")
    wallets: Annotated[tuple[Text, ...], Listed(max_length=1000)] = Field(
        default=(), description="Wallets of agents with many (walletId, x-wallet-id) whose webhooks are its."
    )


class RulesModel(Strict):
    """A Tocsin rules file."""

    model_config = ConfigDict(defer_build=True)  # its endpoints load the sinks that there are

    endpoints: Endpoints = Field(min_length=1, max_length=MAX_ENDPOINTS)
    default_route: Annotated[
        DefaultRouteModel, BeforeValidator(_endpoint_alone, json_schema_input_type=DefaultRouteModel | Name)
    ] = Field(description="Mandatory: nobody must be able to say that no one was told.")
    routes: Annotated[tuple[Route, ...], Listed(max_length=1000)] = ()
    escalations: dict[Name, EscalationPolicy] = Field(default={}, max_length=100, description="Policies by name.")
    silences: Annotated[tuple[Silence, ...], Listed(max_length=1000)] = ()
    inhibit: Annotated[tuple[Inhibition, ...], Listed(max_length=100)] = ()
    mute_times: dict[Name, Annotated[tuple[TimeOfWeek, ...], Listed(dict, min_length=1, max_length=50)]] = Field(
        default={}, max_length=100, description="Recurring times by name, for `mute` of routes."
    )
    limits: LoopLimits = Field(default_factory=LoopLimits, description="Thresholds of the loop rules.")
    timeouts: Timeouts = Field(default=(), description="The first that fits is used.")
    redaction: RedactionInFile = Field(default_factory=Redaction, description="Secrets, taken out before a write.")
    tenants: dict[Text, TenantModel] = Field(default={}, max_length=1000, description="Only what differs.")
    mediation: Annotated[
        MediationModel | None, BeforeValidator(_table_alone, json_schema_input_type=MediationModel | Text | None)
    ] = Field(default=None, description="For a mediator or agent in Python, which takes it with load_mediation.")
    proxy: ProxyInFile = Field(default=None, description="Egress proxy of every webhook that names none itself.")
