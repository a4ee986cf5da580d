"""The gateway's certificate: TLS 1.2 or newer; a changed file is taken while connections go on."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import structlog

from tocsin.connectors.files import stamp_of
from tocsin.schemas.errors import TocsinError
from tocsin.streams.access_settings import AccessSettings

_log = structlog.get_logger("tocsin.tls")

LOOK_EVERY = 2.0
"""Seconds between two looks at the files."""


class CertificateUnusable(TocsinError):
    """The certificate or its key cannot be used; the message says why. Exit code 78."""

    exit_code = 78


class ServerCertificate:
    """A certificate and its key in files. `context` is what a server listens with; it keeps the last pair that was
    whole."""

    def __init__(self, certificate: Path, key: Path | None) -> None:
        """Raises CertificateUnusable."""
        self._files = (certificate, key)
        self._seen = self._look()
        self.context = self._new_context()
        self._load(self.context)

    async def follow(self) -> None:
        """Take what the files have, whenever they change. New connections get it; those that stand are left alone."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            self.take_if_changed()

    def take_if_changed(self) -> bool:
        """Whether the files have changed, and what they have is taken. A pair that does not fit, such as one of which
        half is written, is not: it is looked at again when it changes."""
        seen = self._look()
        if seen == self._seen:
            return False
        self._seen = seen
        try:
            self._load(self._new_context())  # a broken pair would leave the one that serves half replaced
            self._load(self.context)
        except CertificateUnusable as unusable:
            _log.error("the new certificate cannot be used: the old one stays", why=str(unusable))
            return False
        _log.info("the new certificate is used from now on", file=str(self._files[0]))
        return True

    def _look(self) -> tuple[object, ...]:
        return tuple(stamp_of(file) for file in self._files if file is not None)

    def _new_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        return context

    def _load(self, context: ssl.SSLContext) -> None:
        certificate, key = self._files
        try:
            context.load_cert_chain(certificate, key, password=lambda: "")  # else it is asked for at the terminal
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) and not isinstance(error, ssl.SSLError) else str(error)
            names = "TOCSIN_TLS_CERTIFICATE, TOCSIN_TLS_KEY"
            raise CertificateUnusable(
                f"{names}: {certificate} cannot be used: {why}; a PEM file is expected, its key unencrypted"
            ) from None


def certificate_of(settings: AccessSettings) -> ServerCertificate | None:
    """The certificate that the settings name, if they do. Raises CertificateUnusable."""
    if settings.tls_certificate is None:
        return None
    return ServerCertificate(settings.tls_certificate, settings.tls_key)
