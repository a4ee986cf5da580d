"""A Kafka of the test's own that wants TLS and a login, at listeners beside its plain one."""

from __future__ import annotations

import base64
import ipaddress
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import time

import pytest

from tocsin.connectors.kafka import KafkaSecurity
from tocsin.streams.up.broker import EmbeddedBroker
from tocsin.streams.up.broker.config import FORMAT, HOST, _free_port, java_command
from tocsin.streams.up.process import Child

USER, PASSWORD = "tocsin", "c4n4ry-of-kafka"
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER")
LOGIN = "org.apache.kafka.common.security"


def write_certificates(folder: Path) -> None:
    """An authority (ca.pem), a server's certificate for 127.0.0.1 (server.pem, with its key), one for another host
    (elsewhere.pem), and a client's (client.pem, client.key). Skips the test without the package cryptography."""
    pytest.importorskip("cryptography", reason="certificates are made with it")
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    now = datetime.now(UTC)
    authority = ec.generate_private_key(ec.SECP256R1())
    ca = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "authority")])

    def make(name: str, names: list[x509.GeneralName]) -> tuple[str, str]:
        own = ec.generate_private_key(ec.SECP256R1()) if name != "authority" else authority
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]))
            .issuer_name(ca)
            .public_key(own.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(name == "authority", None), critical=True)
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        signed = builder.sign(authority, hashes.SHA256()).public_bytes(Encoding.PEM).decode()
        return signed, own.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    (folder / "ca.pem").write_text(make("authority", [])[0])
    (folder / "server.pem").write_text("".join(make("server", [x509.IPAddress(ipaddress.ip_address(HOST))])))
    (folder / "elsewhere.pem").write_text("".join(make("elsewhere", [x509.DNSName("elsewhere.example")])))
    certificate, key = make("client", [])
    (folder / "client.pem").write_text(certificate)
    (folder / "client.key").write_text(key)


class SecuredBroker(EmbeddedBroker):
    """`bootstrap` is its plain listener; `sasl`, `mutual` and `misnamed` (whose certificate is another host's) are
    HOST:PORT of those with TLS."""

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
        }  # fmt: skip
        file.write_text("".join(f"{key}={value}\n" for key, value in properties.items()))

    async def _format(self, class_path: list[Path]) -> None:
        home = self._home
        users = [f"--add-scram={mechanism}=[name={USER},password={PASSWORD}]" for mechanism in MECHANISMS[1:3]]
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
