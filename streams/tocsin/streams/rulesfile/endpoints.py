"""The section `endpoints`: one model for each kind of sink, made of the sink's own settings; secrets looked up, and
each sink asked whether it could work."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, Literal

from msgspec import Struct
from msgspec.structs import replace
from pydantic import Field, GetCoreSchemaHandler, TypeAdapter, create_model
from pydantic_core import CoreSchema, core_schema

from tocsin.connectors.egress.proxy import Proxy, ProxyInFile
from tocsin.connectors.secrets import SecretSources
from tocsin.connectors.sections import Section, Strict, file_model
from tocsin.connectors.sinks import SinkMisconfigured, make_sink, sink_class, sink_kinds
from tocsin.streams.rules.config import AUTO, NOTIFICATION, Endpoint
from tocsin.streams.rules.policies import DeliveryPolicy
from tocsin.streams.rules.values import LANGUAGES, Languages, Name
from tocsin.streams.rulesfile.finding import Findings
from tocsin.streams.rulesfile.recipients import Audience, Body, ByDidcomm, audience_of, recipient_of


class _OfKind(Strict):
    sink: str


class _Addressed(Strict):
    audience: Audience = Field(default="owner", description="Whose it is: owner, peer (told least) or operator.")
    body: Body | None = Field(
        default=None, description="notification, cloudevents, identus, or a dialect (didcomm-2.0 for a peer)."
    )
    language: Languages = Field(default=(), description=LANGUAGES)
    delivery: DeliveryPolicy = Field(default_factory=DeliveryPolicy, description="Retries, order, rate, breaker.")


ADDRESSED = tuple(_Addressed.model_fields)
"""The settings of an endpoint that are not its sink's, and never secret."""


@cache
def endpoint_model(kind: str) -> type[Strict]:
    """What an endpoint of this sink may say: the settings of the sink, and whose it is. Raises SinkMisconfigured."""
    config = sink_class(kind).Config
    by_didcomm = (ByDidcomm,) if tells_of(kind) is not None else ()
    bases = (*by_didcomm, _Addressed, file_model(config), _OfKind)
    name = f"{config.__name__.removesuffix('Config')}Model"
    fields: dict[str, Any] = {"sink": (Literal[kind], ...)}
    return create_model(name, __base__=bases, __doc__=config.__doc__, __module__=config.__module__, **fields)


def tells_of(kind: str) -> str | None:
    """Whether a sink tells DIDComm agents: `always`, `perhaps`, or never (None). Raises SinkMisconfigured."""
    found: str | None = getattr(sink_class(kind), "tells_peers", None)
    return found


class _AnyEndpoint:
    """In `Annotated[Endpoint, ...]`: an endpoint, still without its name, by the model of its kind."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        choices = {kind: self._choice(kind, handler) for kind in sink_kinds()}
        return core_schema.tagged_union_schema(choices, discriminator="sink", strict=True)

    def _choice(self, kind: str, handler: GetCoreSchemaHandler) -> CoreSchema:
        try:
            config, model = sink_class(kind).Config, endpoint_model(kind)
            explained, tells = getattr(sink_class(kind), "explains", False), tells_of(kind)
        except SinkMisconfigured as unusable:  # of another package, and only an error if an endpoint wants it
            context = {"message": str(unusable), "expected": "", "remedy": "correct or remove the package"}
            never = core_schema.literal_schema([kind])
            return core_schema.custom_error_schema(
                never, custom_error_type="unfit", custom_error_message="{message}", custom_error_context=context
            )
        names = file_model(config).model_fields

        def endpoint_of(found: Any) -> Endpoint:
            said = {name: getattr(found, name) for name in names}
            if "language" in config.__struct_fields__:  # of a sink that has words of its own
                said["language"] = tuple(found.language)
            settings = config(**said)
            if isinstance(settings, Section):
                settings = settings.checked()
            recipient = recipient_of(found, tells)
            audience = audience_of(found, recipient)
            # a peer does not know our notification, and is told in its own protocol
            otherwise = AUTO if recipient is not None else "didcomm-2.0" if audience == "peer" else NOTIFICATION
            body = found.body or otherwise
            return Endpoint(
                name="",
                sink=kind,
                settings=settings,
                audience=audience,
                body=body,
                recipient=recipient,
                language=tuple(found.language),
                delivery=found.delivery,
                explained=explained,
            )

        return core_schema.no_info_after_validator_function(endpoint_of, handler.generate_schema(model))


Endpoints = dict[Name, Annotated[Endpoint, _AnyEndpoint()]]
"""Endpoints by name. Secrets are looked up when the context of the validation is SecretSources."""


def endpoints_of(
    given: Any, sources: SecretSources, findings: Findings, proxy: Proxy | None = None
) -> dict[str, Endpoint]:
    """The endpoints of a section that fits the model, with their secrets; none is ever quoted in a finding. `proxy` is
    that of every endpoint that could have one and names none. Raises ValidationError for secrets that are not there or
    cannot be used."""
    found: dict[str, Endpoint] = _adapter().validate_python(given, context=sources)
    named = {name: behind(proxy, replace(endpoint, name=name)) for name, endpoint in found.items()}
    for name, endpoint in named.items():
        try:
            make_sink(endpoint.sink, endpoint.settings)
        except SinkMisconfigured as refused:
            message = f"endpoint {name}, {refused.field}: {refused.why}"
            findings.error(("endpoints", name, refused.field), message, remedy="correct it")
        except Exception as error:  # of a sink of another package, or of a library under it; its text may hold a secret
            message = f"endpoint {name}: the sink {endpoint.sink} does not take its settings ({type(error).__name__})"
            findings.error(("endpoints", name), message, remedy="correct them")
    return named


def behind(proxy: Struct | None, endpoint: Endpoint) -> Endpoint:
    """The endpoint, with the proxy of the rules file if it could have one and names none."""
    settings = endpoint.settings
    if proxy is None or settings is None or getattr(settings, "proxy", proxy) is not None:
        return endpoint
    return replace(endpoint, settings=replace(settings, proxy=proxy))


def proxy_of(given: Any, sources: SecretSources) -> Proxy | None:
    """The section `proxy`, with its secrets. Raises ValidationError."""
    found: Proxy | None = TypeAdapter(ProxyInFile).validate_python(given, context=sources)
    return found


@cache
def _adapter() -> TypeAdapter[dict[str, Endpoint]]:
    return TypeAdapter(Endpoints)
