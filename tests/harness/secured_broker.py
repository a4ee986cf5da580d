"""A Kafka of the test's own that wants TLS and a login, at listeners beside its plain one."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from time import time
from types import MappingProxyType

from tests.harness.certificates import write_certificates
from tocsin.connectors.kafka import KafkaSecurity
from tocsin.streams.up.broker import EmbeddedBroker
from tocsin.streams.up.broker.config import FORMAT, HOST, _free_port, java_command
from tocsin.streams.up.process import Child

USER, PASSWORD = "tocsin", "c4n4ry-of-kafka"
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER")
LOGIN = "org.apache.kafka.common.security"


class SecuredBroker(EmbeddedBroker):
    """`bootstrap` is its plain listener; `sasl`, `mutual` and `misnamed` (whose certificate is another host's) are
    HOST:PORT of those with TLS. `users` may log in by SCRAM, all with the same password; `more_properties` are the
    broker's."""

    users: tuple[str, ...] = (USER,)
    more_properties: Mapping[str, str] = MappingProxyType({})

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.folder = folder
        write_certificates(folder)
        ports = [_free_port() for _ in range(3)]
        self.sasl, self.mutual, self.misnamed = (f"{HOST}:{port}" for port in ports)

    def security(self, mechanism: str, **changes: object) -> KafkaSecurity:
        """What a client of `sasl` needs."""
        known = {
            "protocol": "SASL_SSL", "mechanism": mechanism, "user": USER, "password": PASSWORD,
            "ca_file": self.folder / "ca.pem",
        }  # fmt: skip
        return KafkaSecurity(**known | changes)  # type: ignore[arg-type]

    def certified(self, **changes: object) -> KafkaSecurity:
        """What a client of `mutual` needs."""
        files = {"ca_file": "ca.pem", "certificate": "client.pem", "key": "client.key"}
        known = {"protocol": "SSL"} | {name: self.folder / file for name, file in files.items()}
        return KafkaSecurity(**known | changes)  # type: ignore[arg-type]

    def _configure(self) -> None:
        super()._configure()
        file = self._home.properties
        lines = (line.partition("=") for line in file.read_text().splitlines())
        properties: dict[str, object] = {key: value for key, _, value in lines}
        more = f",SASL://{self.sasl},MUTUAL://{self.mutual},MISNAMED://{self.misnamed}"
        properties["listeners"] = f"{properties['listeners']}{more}"
        properties["advertised.listeners"] = f"{properties['advertised.listeners']}{more}"
        protocols = properties["listener.security.protocol.map"]
        properties["listener.security.protocol.map"] = f"{protocols},SASL:SASL_SSL,MUTUAL:SSL,MISNAMED:SSL"
        for name, keystore in (("sasl", "server"), ("mutual", "server"), ("misnamed", "elsewhere")):
            properties |= {
                f"listener.name.{name}.ssl.keystore.type": "PEM",
                f"listener.name.{name}.ssl.keystore.location": self.folder / f"{keystore}.pem",
                f"listener.name.{name}.ssl.truststore.type": "PEM",
                f"listener.name.{name}.ssl.truststore.location": self.folder / "ca.pem",
                f"listener.name.{name}.ssl.client.auth": "required" if name == "mutual" else "none",
            }  # fmt: skip
        scram = f"{LOGIN}.scram.ScramLoginModule required;"
        token = f'{LOGIN}.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="{USER}";'
        properties |= {
            "listener.name.sasl.sasl.enabled.mechanisms": ",".join(MECHANISMS),
            "listener.name.sasl.plain.sasl.jaas.config":
                f'{LOGIN}.plain.PlainLoginModule required user_{USER}="{PASSWORD}";',
            "listener.name.sasl.scram-sha-256.sasl.jaas.config": scram,
            "listener.name.sasl.scram-sha-512.sasl.jaas.config": scram,
            "listener.name.sasl.oauthbearer.sasl.jaas.config": token,
            **self.more_properties,
        }  # fmt: skip
        file.write_text("".join(f"{key}={value}\n" for key, value in properties.items()))

    async def _format(self, class_path: list[Path]) -> None:
        home = self._home
        logins = ((mechanism, user) for mechanism in MECHANISMS[1:3] for user in self.users)
        users = [f"--add-scram={mechanism}=[name={user},password={PASSWORD}]" for mechanism, user in logins]
        arguments = ["format", "--cluster-id=AAAAAAAAAAAAAAAAAAAAAQ", "--config", str(home.properties), *users]
        child = Child(java_command(class_path, FORMAT, arguments, home.log4j), home.output, [home.lock])
        assert await child.ended(60)
        assert child.returncode == 0, home.output.read_text()
        home.formatted.touch()


def unsecured_token() -> str:
    """A token that Kafka takes without a provider: a JWT that nobody signed (RFC 7519, section 6)."""
    claims = {"sub": USER, "iat": int(time()), "exp": int(time()) + 3600}
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in ({"alg": "none"}, claims)]
    return b".".join([*parts, b""]).decode()
