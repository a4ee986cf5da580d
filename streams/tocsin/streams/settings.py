"""The settings: by flag, else by environment variable `TOCSIN_*`, else from `tocsin.toml`, else the default."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from tocsin.connectors.kafka_security import SETTINGS as KAFKA_SETTINGS
from tocsin.connectors.kafka_security import KafkaSecurity, Mechanism, Protocol, checked_address
from tocsin.connectors.store_address import StoreAddress, address_of, checked_store, masked_store
from tocsin.schemas.errors import TocsinError
from tocsin.streams.access_settings import AccessSettings
from tocsin.streams.setting_values import (
    AbsolutePath,
    checked_folder,
    checked_host,
    checked_hosts,
    checked_pairs,
    without_password,
    without_secret,
    without_slash,
)
from tocsin.streams.telemetry_settings import TelemetrySettings

ENV_PREFIX = "TOCSIN_"
FILE_VARIABLE = "TOCSIN_CONFIG"
DEFAULT_FILE = "tocsin.toml"
OTHER_VARIABLES = (
    FILE_VARIABLE, "TOCSIN_API_KEY", "TOCSIN_URL", "TOCSIN_SERVICE", "TOCSIN_SPOOL", "TOCSIN_CACHE", "TOCSIN_MAVEN",
    "TOCSIN_TEST_SEED",
)  # fmt: skip
"""Variables of Tocsin that are no settings of a process of the bus, as those of the SDK; nor is any that begins with
TOCSIN_FAILPOINT."""


class SettingsInvalid(TocsinError):
    """Wrong settings: `problems` has a line for each of them, with its name, where it came from, and the reason."""

    exit_code = 78

    def __init__(self, problems: list[str]) -> None:
        """`problems` are lines for a person."""
        super().__init__("\n".join(problems))
        self.problems = problems


class Settings(AccessSettings, TelemetrySettings):
    """Every setting of every process; frozen. Use `load_settings`, which reports what is wrong for people."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        env_ignore_empty=True,
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        allow_inf_nan=False,
    )

    bootstrap: Annotated[str, AfterValidator(checked_address)] | None = None
    """Kafka, `host:port[,host:port...]`; absent = `tocsin up` starts the embedded one."""
    kafka_security_protocol: Protocol = "PLAINTEXT"
    """How to connect to Kafka, also for `tocsin up` against one of yours; the embedded one is always PLAINTEXT."""
    kafka_sasl_mechanism: Mechanism | None = None
    """How to log in, with SASL_PLAINTEXT and SASL_SSL."""
    kafka_user: str | None = None
    """The name to log in with."""
    kafka_password: str | None = None
    """Its password, or the token of OAUTHBEARER: `env:NAME`, `file:PATH`, or the secret itself."""
    kafka_ca_file: AbsolutePath | None = None
    """The authorities that may have signed Kafka's certificate (PEM); absent = those of the system."""
    kafka_certificate: AbsolutePath | None = None
    """The certificate that we show to Kafka (PEM; with its chain, and the key unless that has a file of its own)."""
    kafka_key: AbsolutePath | None = None
    """The key of that certificate (PEM, unencrypted)."""
    kafka_check_hostname: bool = True
    """Whether Kafka's certificate must name the host that we connect to."""
    home: Annotated[AbsolutePath, AfterValidator(checked_folder)] = Field(
        default=Path(".tocsin"), validate_default=True
    )
    """The folder of data: the embedded Kafka, pid files."""
    host: Annotated[str, AfterValidator(checked_host)] = "127.0.0.1"
    """The address that the gateway and the metrics listen on."""
    port: int = Field(default=8700, ge=0, le=65_535)
    """The gateway's port; 0 = any free one."""
    metrics_port: int | None = Field(default=None, ge=0, le=65_533)
    """The port of `/healthz`, `/readyz`, `/metrics` of a worker, a dispatcher or a projector; of `tocsin up`: the
    worker's, and the next two are theirs. 0 = any free one; absent = 8701, 8702, 8703, or any free one when that is
    taken (or the gateway's is any)."""
    gateway_metrics_port: int | None = Field(default=None, ge=0, le=65_535)
    """The port of the gateway's `/metrics`, so that the API can be reachable and they not; absent = that of the API."""
    allowed_hosts: Annotated[str, AfterValidator(checked_hosts)] = ""
    """Names by which the gateway is asked, besides loopback ones, its own address and that of TOCSIN_PUBLIC_URL:
    `host[,host...]`, without ports. Web pages of these hosts may use it, too."""
    max_connections: int = Field(default=1000, ge=8, le=100_000)
    """How many connections the gateway has at a time; beyond it the one that has been waiting longest gives way."""
    seal_key: str | None = None
    """What secrets of endpoints made while running are sealed with: `env:NAME`, `file:PATH`, or the key itself, base64
    of 32 bytes; several are separated by commas or lines, the newest first. `tocsin up` makes one in its home."""
    store: Annotated[str, AfterValidator(checked_store)] | None = None
    """Where the store is: `sqlite:///PATH`, `postgresql://USER:PASSWORD@HOST/DATABASE`; absent = `HOME/store.db`."""
    store_days: Annotated[str, Field(max_length=10_000)] = ""
    """How many days the store keeps what: `KIND=DAYS,TENANT:KIND=DAYS,...`; kinds and defaults: docs/store.md."""
    didcomm_keys: AbsolutePath | None = None
    """Our keys for DIDComm: a file of `tocsin didcomm keys`, or with a passphrase an Askar store; absent = the file
    `didcomm-keys.json` in the home, if it is there."""
    didcomm_passphrase: str | None = None
    """The passphrase of the Askar store: `env:NAME`, `file:PATH`, or itself."""
    didcomm_did_web: bool = False
    """Whether documents of did:web are fetched: whoever sends an envelope chooses from which host."""
    didcomm_private: bool = False
    """Whether they may be fetched from private addresses and any port."""
    didcomm_endpoint: Annotated[str, Field(pattern=r"^(?:https?://|did:)\S+$", max_length=2048)] | None = None
    """Where peers reach us, for the DIDs that `tocsin didcomm keys` makes: the address of `/didcomm` as they see it, or
    the DID of our mediator; absent = `/didcomm` at TOCSIN_PUBLIC_URL."""
    didcomm_tenants: Annotated[str, AfterValidator(checked_pairs)] = ""
    """Whose tenant is told of what peers send to one of our identities, by the name of its keys: `NAME=TENANT[,...]`;
    what is not named is of TOCSIN_TENANT."""
    didcomm_connections: AbsolutePath | None = None
    """A JSON file that names peers: `[{"peer": "did:...", "connection": "...", "trust": "..."}]`."""
    didcomm_strangers: bool = True
    """Whether senders are heard whom TOCSIN_DIDCOMM_CONNECTIONS does not name; if not, they are answered as if nothing
    proved who they are."""
    didcomm_activity: bool = False
    """Whether messages of peers that are no problem report are published as activity, instead of being refused."""
    didcomm_answers: Literal["current", "silent", "identus"] = "current"
    """Who is answered about what cannot be dealt with, by a column of the table tocsin-didcomm: who has proven who they
    are, nobody, or everybody."""
    didcomm_mediator: Annotated[str, Field(pattern=r"^did:[a-z0-9]+:\S+$", max_length=4096)] | None = None
    """The DID of a mediator that keeps messages for us: the gateway fetches them."""
    didcomm_interval: float = Field(default=10.0, ge=1, le=3600)
    """How often it is asked, in seconds; at once while more waits."""
    rules: AbsolutePath | None = None
    """The rules file (YAML); absent = everything goes to the default route."""
    prefix: str = Field(default="tocsin.", pattern=r"^[A-Za-z0-9._-]{1,100}$")
    """What the name of each topic begins with."""
    partitions: int = Field(default=12, ge=1, le=1000)
    """How many partitions a topic gets when it is made. Another number: docs/repartitioning.md."""
    replication: int = Field(default=1, ge=1, le=9)
    """How many brokers keep each record; 3 for production."""
    tenant: str = Field(default="default", pattern=r"^[A-Za-z0-9._-]{1,64}$")
    """The tenant of what is published without naming one."""
    session_timeout: float = Field(default=10.0, ge=6.0, le=300.0)
    """After how many seconds of silence a worker or dispatcher is taken for dead and its partitions go elsewhere."""
    dead_letter_limit: int = Field(default=100, ge=0, le=10_000)
    """How many of its last `dead_letter_window` records a partition may dead-letter; rather than one more it halts."""
    dead_letter_window: int = Field(default=1000, ge=1, le=1_000_000)
    """The number of records, by offset, to which `dead_letter_limit` refers."""
    dedupe_window: float = Field(default=3600, gt=0)
    """How long a problem's repeats are folded into it, in seconds."""
    public_url: Annotated[str, Field(pattern=r"^https?://[^\s?#]+$"), AfterValidator(without_slash)] | None = None
    """The address of the gateway as people reach it, for the links in what they are sent; absent = no links."""
    link_key: str | None = None
    """What signs these links, the same for the gateway and every dispatcher: `env:NAME`, `file:PATH`, or the key
    itself, 32 characters or more; several, with spaces between, during a rotation. `tocsin up` makes one by itself."""
    log_format: Literal["console", "json"] = "console"
    """For people or for machines."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The least severe line that is logged."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags, then the environment, then the file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml_file=settings_file())

    def kafka_security(self) -> KafkaSecurity:
        """How to connect to Kafka."""
        return KafkaSecurity(**{field: getattr(self, name) for name, field in KAFKA_SETTINGS.items()})

    def store_address(self) -> StoreAddress:
        """Where the store is."""
        return address_of(f"sqlite:///{self.home / 'store.db'}" if self.store is None else self.store)

    @model_validator(mode="after")
    def _security_goes_together(self) -> Self:
        wrong = self.kafka_security().contradictions()
        names = {field: ENV_PREFIX + name.upper() for name, field in KAFKA_SETTINGS.items()}
        if wrong:
            raise ValueError("\n".join(f"{names[field]}: {why}" for field, why in wrong.items()))
        return self

    def masked(self) -> dict[str, object]:
        """The effective settings, for `tocsin config`: passwords are hidden."""
        values: dict[str, object] = self.model_dump(mode="json")
        hidden = {name: value and _shown(name, value) for name, value in values.items() if name in _HIDDEN}
        return values | hidden

    @property
    def warnings(self) -> list[str]:
        """A line for a person about each variable TOCSIN_* that is no setting."""
        known = [ENV_PREFIX + name.upper() for name in Settings.model_fields]
        lines = []
        for variable in sorted(name for name in os.environ if name.upper().startswith(ENV_PREFIX)):
            if variable.upper() in (*known, *OTHER_VARIABLES) or variable.startswith("TOCSIN_FAILPOINT"):
                continue
            near = get_close_matches(variable[len(ENV_PREFIX) :].lower(), Settings.model_fields, 1)
            meant = f"; is {ENV_PREFIX}{near[0].upper()} meant?" if near else ""
            lines.append(f"{variable}: there is no such setting{meant}")
        return lines

    def but(self, **changes: object) -> Self:
        """The same settings with some changed, unchecked: for what is known only at run time, such as the bootstrap."""
        return self.model_copy(update=changes)


def load_settings(**flags: object) -> Settings:
    """The effective settings; a flag that is None was not given. Raises SettingsInvalid with all that is wrong.

    An unknown variable, such as a misspelt one, is not an error (it may belong to another program): it is listed in
    `warnings` of the settings.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    file = settings_file()
    if not file.is_file() and FILE_VARIABLE in os.environ:
        raise SettingsInvalid([f"{FILE_VARIABLE}: there is no file {file}"])
    try:
        return Settings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        in_file = tomllib.loads(file.read_text("utf-8")) if file.is_file() else {}
        raise SettingsInvalid([_line(dict(row), given, file, in_file) for row in error.errors()]) from None
    except (tomllib.TOMLDecodeError, OSError, UnicodeDecodeError) as error:
        raise SettingsInvalid([f"{file}: {error}"]) from None


def settings_file() -> Path:
    """The file that TOCSIN_CONFIG names, else `tocsin.toml` in the current folder (which need not exist)."""
    return Path(os.environ.get(FILE_VARIABLE) or DEFAULT_FILE).expanduser()


def _line(row: Mapping[str, Any], given: Mapping[str, object], file: Path, in_file: Mapping[str, object]) -> str:
    name = str(row["loc"][0]) if row["loc"] else "settings"
    variable = ENV_PREFIX + name.upper()
    if name in given:
        where = f"--{name.replace('_', '-')}"
    elif variable in {key.upper() for key in os.environ} or name not in in_file:
        where = variable
    else:
        where = f"{file}: {name}"
    if not row["loc"]:
        return str(row["msg"]).removeprefix("Value error, ")  # about several: it names them
    if row["type"] == "extra_forbidden":
        return f"{where}: there is no such setting"
    why = str(row["msg"]).removeprefix("Value error, ")
    return f"{where}: {why} (it is {_quoted(name, row.get('input'))})"


_HIDDEN: Mapping[str, Callable[[str], str]] = {
    "didcomm_passphrase": without_secret,
    "public_url": without_password,
    "kafka_password": without_secret,
    "link_key": without_secret,
    "seal_key": without_secret,
    "store": masked_store,
    "otlp_endpoint": without_password,
}
"""Settings that may hold a secret -> how they are shown."""

WITHOUT_SECURITY: Mapping[str, object] = {name: Settings.model_fields[name].default for name in KAFKA_SETTINGS}
"""The settings that connect to the embedded Kafka, which has no security: it listens on 127.0.0.1 alone."""


def _shown(name: str, value: object) -> str:
    return _HIDDEN[name](str(value))


def _quoted(name: str, value: object) -> str:
    return repr(_shown(name, value)) if name in _HIDDEN else repr(value)[:100]
