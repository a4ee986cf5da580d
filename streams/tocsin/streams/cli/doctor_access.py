"""What `tocsin doctor` checks of how the gateway is reached: its certificate, and who needs no key."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec

from tocsin.streams.cli.doctor_checks import Check, Level
from tocsin.streams.processes.tls import CertificateUnusable, certificate_of
from tocsin.streams.settings import Settings

SOON = timedelta(days=14)
"""How long before its end a certificate is worth a look."""


def access_checks(settings: Settings, now: datetime | None = None) -> list[Check]:
    """The checks; `now` is for tests. None where no gateway is installed."""
    if find_spec("fastapi") is None:
        return []
    return [*_certificate(settings, now or datetime.now(UTC)), _anonymous(settings), *_plain(settings)]


def _certificate(settings: Settings, now: datetime) -> Iterator[Check]:
    if settings.tls_certificate is None:
        return
    from cryptography import x509  # slow to import, and only here

    try:
        certificate_of(settings)
        found = x509.load_pem_x509_certificates(settings.tls_certificate.read_bytes())[0]
    except (CertificateUnusable, OSError, ValueError) as error:
        yield Check(
            "certificate", Level.FAIL, str(error), "put a whole pair there; a running gateway keeps the old one"
        )
        return
    left = found.not_valid_after_utc - now
    until = f"{settings.tls_certificate}: until {found.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"
    step = "renew it: the gateway takes the new file by itself"
    if left <= timedelta(0):
        yield Check("certificate", Level.FAIL, f"{until}, it has expired", step)
    elif left < SOON:
        yield Check("certificate", Level.WARN, f"{until}, {left.days} days", step)
    else:
        yield Check("certificate", Level.OK, until)


def _anonymous(settings: Settings) -> Check:
    from tocsin.connectors.gateway import LOOPBACK
    from tocsin.streams.processes.gateway import config_of

    config = config_of(settings)
    if config.anonymous == "off":
        return Check("access", Level.OK, "a key or a token is needed")
    others = sorted(config.hosts - LOOPBACK)
    if others:
        detail = f"no key is needed from this machine, and the gateway is also {', '.join(others)}"
        return Check(
            "access", Level.WARN, detail,
            "set TOCSIN_ANONYMOUS=off: behind a proxy that says nothing of itself everybody seems to ask from here",
        )  # fmt: skip
    return Check("access", Level.OK, "no key is needed from this machine; from elsewhere nobody is let in without one")


def _plain(settings: Settings) -> Iterator[Check]:
    """Keys must not cross a network in plain text."""
    from tocsin.connectors.gateway import LOOPBACK

    if settings.host in LOOPBACK or settings.tls_certificate is not None:
        return
    if (settings.public_url or "").startswith("https://"):
        return
    yield Check(
        "tls", Level.WARN, f"the gateway listens on {settings.host} without TLS: keys can be read on the way",
        "set TOCSIN_TLS_CERTIFICATE, or TOCSIN_PUBLIC_URL if a proxy of yours speaks https before it",
    )  # fmt: skip
