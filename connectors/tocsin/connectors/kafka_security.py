"""How a client proves to Kafka who it is, and Kafka to the client: TLS and SASL, for every client of ours."""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self, get_args

from tocsin.connectors.files import read_file

Protocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"]

LONGEST_SECRET = 64 * 1024
"""Bytes of a file that holds one: a token may be long."""


SETTINGS: Mapping[str, str] = {
    "kafka_security_protocol": "protocol",
    "kafka_sasl_mechanism": "mechanism",
    "kafka_user": "user",
    "kafka_password": "password",
    "kafka_ca_file": "ca_file",
    "kafka_certificate": "certificate",
    "kafka_key": "key",
    "kafka_check_hostname": "check_hostname",
}
"""The settings that say how to connect to Kafka -> the fields of KafkaSecurity. The variable of each is its name in
capitals behind TOCSIN_."""


class SecurityUnusable(ValueError):
    """The connection to Kafka cannot be secured as it was asked for; the message says which part, and what helps."""


_CHOICES: Mapping[str, Mapping[str, object]] = {
    "protocol": {one.lower(): one for one in get_args(Protocol)},
    "mechanism": {one.lower(): one for one in get_args(Mechanism)},
    "check_hostname": {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False},
}
"""The values of a variable that is no free text -> what they mean."""


@dataclass(frozen=True, slots=True)
class KafkaSecurity:
    """How to connect. `password` (for OAUTHBEARER: the token) is `env:NAME`, `file:PATH`, or the secret itself; files
    are read again at each new connection, so that a changed one needs no restart. Files are PEM; without `ca_file` the
    authorities of the system are trusted. `check_hostname`: whether the certificate must name the host."""

    protocol: Protocol = "PLAINTEXT"
    mechanism: Mechanism | None = None
    user: str | None = None
    password: str | None = None
    ca_file: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    check_hostname: bool = True

    def __repr__(self) -> str:
        """Without the password."""
        return f"KafkaSecurity({self.protocol}, {self.mechanism})"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self | None:
        """As the variables TOCSIN_KAFKA_* say; None when there is none of them. Raises SecurityUnusable naming the
        variable."""
        variables = {field: f"TOCSIN_{name.upper()}" for name, field in SETTINGS.items()}
        given = {field: value for field, name in variables.items() if (value := environment.get(name))}
        if not given:
            return None
        said: dict[str, Any] = dict(given)
        for field in ("ca_file", "certificate", "key"):
            if field in given:
                said[field] = Path(given[field]).expanduser()
        for field, choices in _CHOICES.items():
            if field in given and given[field].lower() not in choices:
                expected = ", ".join(dict.fromkeys(str(one) for one in choices.values()))
                raise SecurityUnusable(f"{variables[field]}: one of {expected} is expected")
            if field in given:
                said[field] = choices[given[field].lower()]
        made = cls(**said)
        if wrong := made.contradictions():
            raise SecurityUnusable("; ".join(f"{variables[field]}: {why}" for field, why in wrong.items()))
        return made

    def contradictions(self) -> dict[str, str]:
        """What does not go together, by the field that is wrong."""
        sasl, tls = self.protocol.startswith("SASL"), self.protocol.endswith("SSL")
        wrong = {}
        if sasl and self.mechanism is None:
            wrong["mechanism"] = f"{self.protocol} needs one: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER"
        if sasl and self.mechanism != "OAUTHBEARER" and self.user is None:
            wrong["user"] = f"{self.protocol} needs one"
        if sasl and self.password is None:
            wrong["password"] = f"{self.protocol} needs one: env:NAME, file:PATH, or the secret itself"
        for name in ("mechanism", "user", "password"):
            if not sasl and getattr(self, name) is not None:
                wrong[name] = f"it is not used with the protocol {self.protocol}: is SASL_SSL meant?"
        for name in ("ca_file", "certificate", "key"):
            if not tls and getattr(self, name) is not None:
                wrong[name] = f"it is not used with the protocol {self.protocol}: is SSL or SASL_SSL meant?"
        if self.key is not None and self.certificate is None:
            wrong["key"] = "it needs its certificate"
        return wrong

    def options(self) -> dict[str, Any]:
        """What a client of aiokafka is given. Raises SecurityUnusable."""
        options: dict[str, Any] = {"security_protocol": self.protocol}
        if self.protocol.endswith("SSL"):
            options["ssl_context"] = self._tls()
        if not self.protocol.startswith("SASL"):
            return options
        options["sasl_mechanism"] = self.mechanism
        if self.mechanism == "OAUTHBEARER":
            return options | {"sasl_oauth_token_provider": _token_provider(self.password or "")}
        return options | {
            "sasl_plain_username": self.user,
            "sasl_plain_password": secret_of(self.password or "", "password for Kafka"),
        }

    def _tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        context.check_hostname = self.check_hostname
        if self.ca_file is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # that authority, and none of the system's
            context.check_hostname = self.check_hostname
        part = self.ca_file
        try:
            if self.ca_file is not None:
                context.load_verify_locations(self.ca_file)
            part = self.certificate
            if self.certificate is not None:
                # an encrypted key would otherwise be asked for at the terminal
                context.load_cert_chain(self.certificate, self.key, password=lambda: "")
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) and not isinstance(error, ssl.SSLError) else str(error)
            raise SecurityUnusable(
                f"{part} cannot be used: {why}; a PEM file is expected, its key unencrypted"
            ) from None
        return context


_SERVER = re.compile(r"(?:[^\s:/@\[\]]+|\[[0-9A-Fa-f:.]+\]):([0-9]{1,5})")


def checked_address(given: str) -> str:
    """Kafka's address, HOST:PORT[,HOST:PORT...]. Raises ValueError for what is none: a client would wait for it."""
    for server in given.split(","):
        match = _SERVER.fullmatch(server.strip())
        if match is None or not 0 < int(match[1]) < 65_536:
            raise ValueError(f"{server.strip()!r} is not host:port")
    return given


class Kafka(str):
    """The address of Kafka, HOST:PORT[,HOST:PORT...], with how to connect there. A str, so that whatever takes an
    address hands the security on; what is cut out of it is a plain address again."""

    security: KafkaSecurity | None

    def __new__(cls, bootstrap: str, security: KafkaSecurity | None = None) -> Self:
        """`security`: default is that of `bootstrap`, if it has one."""
        made = super().__new__(cls, bootstrap)
        made.security = security or getattr(bootstrap, "security", None)
        return made

    def servers(self) -> list[Kafka]:
        """Each server by itself."""
        return [Kafka(server.strip(), self.security) for server in self.split(",")]


def _token_provider(given: str) -> Any:
    """For OAUTHBEARER: the token, read again whenever a connection is made; who issues it keeps it fresh."""
    from aiokafka.abc import AbstractTokenProvider  # not at the top: the settings import this, and aiokafka takes long

    class Token(AbstractTokenProvider):  # type: ignore[misc]
        async def token(self) -> str:
            return secret_of(given, "token for Kafka")

    return Token()


def secret_of(given: str, what: str) -> str:
    """The secret that `given` names: `env:NAME`, `file:PATH`, or itself. Raises SecurityUnusable, naming `what`."""
    kind, _, name = given.partition(":")
    if kind == "env":
        found = os.environ.get(name, "").strip()
        if not found:
            raise SecurityUnusable(f"the {what}: the environment variable {name} is not set")
        return found
    if kind == "file":
        try:
            found = read_file(Path(name).expanduser(), LONGEST_SECRET).decode().strip()
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not text"
            raise SecurityUnusable(f"the {what}: the file {name} cannot be read: {why}") from None
        if not found:
            raise SecurityUnusable(f"the {what}: the file {name} is empty")
        return found
    return given
