"""Certificates of a test's own."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

HOST = "127.0.0.1"


def write_certificates(folder: Path, days: float = 1) -> None:
    """An authority (ca.pem), a server's certificate for 127.0.0.1 (server.pem, with its key), one for another host
    (elsewhere.pem), and a client's (client.pem, client.key);
    they hold for so many days. Skips the test without the package cryptography."""
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
            .not_valid_before(now - timedelta(days=30))
            .not_valid_after(now + timedelta(days=days))
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
