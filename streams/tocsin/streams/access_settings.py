"""The settings of who may use the gateway, how much of it, and how it is reached."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from tocsin.connectors.access import ALGORITHMS
from tocsin.streams.setting_values import AbsolutePath


def _algorithms(value: str) -> str:
    unknown = [one for one in algorithms_of(value) if one not in ALGORITHMS]
    if unknown or not algorithms_of(value):
        raise ValueError(f"must be some of {', '.join(ALGORITHMS)}, with commas between")
    return value


def algorithms_of(value: str) -> tuple[str, ...]:
    """The names in a list with commas."""
    return tuple(one.strip() for one in value.split(",") if one.strip())


def _as_it_is_called_now(value: object) -> object:
    """`loopback` was a value before there were keys, and is in files of then; who asks from here is `anonymous` now."""
    return "on" if value == "loopback" else value


class AccessSettings(BaseSettings):
    """They are settings like all others, of the gateway alone."""

    model_config = SettingsConfigDict(use_attribute_docstrings=True)

    anonymous: Literal["loopback", "off"] | None = None
    """Who may use the gateway without a key or token: who asks from its own machine by a loopback name and through no
    proxy, or nobody; absent = the former, as long as the gateway has no other name or address (TOCSIN_HOST,
    TOCSIN_PUBLIC_URL, TOCSIN_ALLOWED_HOSTS), else nobody."""
    tls_certificate: AbsolutePath | None = None
    """The gateway's certificate (PEM, with its chain, and the key unless that has a file of its own): it speaks HTTPS
    then. A changed file is taken within seconds; connections go on."""
    tls_key: AbsolutePath | None = None
    """The key of that certificate (PEM, unencrypted)."""
    jwt_issuer: str | None = None
    """Who issues tokens (JWT) that the gateway takes beside API keys: the claim `iss`, letter by letter."""
    jwt_audience: str | None = None
    """For whom they must be: the claim `aud`."""
    jwt_keys: str | None = None
    """The issuer's public keys, a JWK set: an https URL, or the path of a file."""
    jwt_keys_private: bool = False
    """Whether that URL may have a private address, plain http and any port."""
    jwt_algorithms: Annotated[str, AfterValidator(_algorithms)] = "RS256,ES256,EdDSA,Ed25519"
    """By which they may be signed, with commas between."""
    jwt_tenant_claim: str = "tenant"
    """The claim that has the tenant."""
    jwt_scope_claim: str = "scope"
    """The claim that has the scopes: `publish`, `read`, `command`, `admin`, also with `tocsin:` before them."""
    jwt_leeway: float = Field(default=30.0, ge=0, le=300)
    """How many seconds the issuer's clock may differ from ours."""
    tenant_rate: float = Field(default=100, ge=0)
    """How many documents a second a tenant may publish at one gateway; 0 = no limit."""
    tenant_burst: int = Field(default=500, ge=1)
    """How many of them at once."""
    tenant_bytes: float = Field(default=4 * 1024 * 1024, ge=0)
    """How many bytes of bodies a second a tenant may publish at one gateway, and four times as many at once;
    0 = no limit."""
    tenant_reads: float = Field(default=50, ge=0)
    """How many requests a second that only read a tenant may make at one gateway, and five times as many at once;
    0 = no limit."""
    tenant_streams: int = Field(default=64, ge=0)
    """How many streams of events a tenant may have open at one gateway; 0 = no limit."""
    audit_addresses: Literal["network", "whole"] = "network"
    """How much of an address is kept on the topic `audit`: its network (/24, or /48), or all of it."""
    subscriptions: Annotated[Literal["on", "off"], BeforeValidator(_as_it_is_called_now)] = "on"
    """Whether endpoints are made over HTTP (`/v1/subscriptions`), by who has the scope `admin`."""
    subscriptions_private: bool = False
    """Whether endpoints made over HTTP may have `allow_private`: plain http, any port, private addresses."""

    @model_validator(mode="after")
    def _access_goes_together(self) -> Self:
        tokens = {"jwt_issuer": self.jwt_issuer, "jwt_audience": self.jwt_audience, "jwt_keys": self.jwt_keys}
        missing = [f"TOCSIN_{name.upper()}" for name, value in tokens.items() if not value]
        if 0 < len(missing) < len(tokens):
            raise ValueError(f"{', '.join(missing)}: tokens need issuer, audience and keys")
        if self.tls_key is not None and self.tls_certificate is None:
            raise ValueError("TOCSIN_TLS_KEY: it needs its certificate, TOCSIN_TLS_CERTIFICATE")
        return self
