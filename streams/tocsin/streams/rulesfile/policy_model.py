"""The sections `limits`, `timeouts`, `escalations` and `tenants` as pydantic checks them; what is not given keeps the
default of `rules.policies`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from tocsin.streams.rules.policies import Identical, Impact
from tocsin.streams.rulesfile.values import Duration, Name, Names, Span, Strict, Text, Texts

Count = Annotated[int, Field(ge=0, le=1_000_000)]


class LimitsModel(Strict):
    """Thresholds of the loop rules (DESIGN 6); 0 switches a rule off."""

    repeat_window: Duration | None = Field(default=None, description="Identical problems within it are told once. 60s")
    identical: list[Identical] | None = Field(default=None, min_length=1, description="What identical means: all.")
    replay_window: Duration | None = Field(default=None, description="The same ciphertext within it is a replay. 1d")
    thread_errors: Count | None = Field(default=None, description="Problems of one thread before the last word. 50")
    connection_errors: Count | None = Field(
        default=None, description="Problems of one connection and code without any other message between them. 20"
    )
    connection_window: Span | None = Field(default=None, description="... and without a pause longer than this. 1h")
    ping_pong: Count | None = Field(default=None, description="Problems to and fro between the same two. 6")
    ping_pong_window: Span | None = Field(default=None, description="... within this time. 10m")
    peer_thread: Count | None = Field(default=None, description="What a peer is told of one thread, at most. 10")
    peer_hour: Count | None = Field(default=None, description="What a peer is told in an hour, at most. 60")
    hops: Count | None = Field(default=None, description="How many buses a problem may have passed. 8")


class TimeoutModel(Strict):
    """How long a reply may take, and what then. The first policy whose `messages` fit is used."""

    messages: Texts = Field(default=[], description="Message types or protocols; without them, all.")
    floor: Duration | None = Field(default=None, description="Never sooner: days where a person answers. 30s")
    ceiling: Span | None = Field(default=None, description="Never later. 7d")
    unlearned: Span | None = Field(
        default=None, description="While too few replies were seen; without it, no time-out."
    )
    quantile: Annotated[float, Field(gt=0, lt=1)] | None = Field(default=None, description="Of the replies seen. 0.99")
    factor: Annotated[float, Field(ge=1, le=1000)] | None = Field(default=None, description="Times the quantile. 2")
    samples: Annotated[int, Field(ge=1, le=10_000)] | None = Field(
        default=None, description="Replies to learn from. 20"
    )
    waits: Annotated[int, Field(ge=0, le=100)] | None = Field(default=None, description="Waits longer so often. 1")
    retries: Annotated[int, Field(ge=0, le=100)] | None = Field(default=None, description="Advises so many. 3")
    backoff: Span | None = Field(default=None, description="Before the first retry; doubled for each further one. 30s")
    max_backoff: Span | None = Field(default=None, description="... up to this. 1h")
    enabled: bool | None = Field(default=None, description="false: no time-outs for these messages.")


class RepeatModel(Strict):
    """Tell a step's endpoints again."""

    every: Span
    times: Annotated[int, Field(ge=1, le=1000)]


class StepModel(Strict):
    """One step: after `wait` (from the step before), tell `endpoints`."""

    wait: Duration
    endpoints: Names
    repeat: RepeatModel | None = None


def _an_address(pattern: str) -> str:
    if not pattern.startswith(("mailto:", "https://")):
        raise ValueError("an escalation URI begins with mailto: or https://")
    if "*" in pattern[:-1] or pattern in ("mailto:*", "https://*"):
        raise ValueError("only the end may be *, and not of the whole")
    return pattern


Uri = Annotated[Text, AfterValidator(_an_address)]
Uris = Annotated[
    list[Uri],
    Field(max_length=100),
    BeforeValidator(lambda value: [value] if isinstance(value, str) else value, json_schema_input_type=Uri | list[Uri]),
]


class EscalationModel(Strict):
    """Steps until somebody takes the case."""

    steps: list[StepModel] = Field(min_length=1, max_length=50)
    cycles: Annotated[int, Field(ge=1, le=100)] | None = Field(default=None, description="Times through all steps. 1")
    while_they_retry: Duration | None = Field(
        default=None, description="No step sooner while the receiver of the problem tries again. 15m"
    )
    impact: dict[Literal["message", "thread", "connection", "protocol"], Impact] = Field(
        default={}, description="By impact or scope: none, normal, or at_once (connection, unless said otherwise)."
    )
    uris: Uris = Field(default=[], description="escalation_uri values that may be used: whole, or ending in *.")
    uri_endpoint: Name | None = Field(default=None, description="Told besides when the escalation_uri is allowed.")
    snooze_limit: Span | None = Field(default=None, description="The longest snooze. 7d")

    @model_validator(mode="after")
    def _uris_have_an_endpoint(self) -> EscalationModel:
        if bool(self.uris) != (self.uri_endpoint is not None):
            raise ValueError("uris and uri_endpoint need each other")
        return self


class TenantModel(Strict):
    """What holds for one tenant instead of the file's own: only what differs."""

    limits: LimitsModel = LimitsModel()
    timeouts: list[TimeoutModel] = Field(default=[], max_length=100, description="Asked before the file's own.")
