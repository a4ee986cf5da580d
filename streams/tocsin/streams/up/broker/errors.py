"""What can go wrong with the embedded broker.

TocsinError
  BrokerUnavailable    the embedded Kafka cannot be had: exit code 69
    JarMismatch        a jar is not the one that is locked: never run
"""

from __future__ import annotations

from tocsin.schemas.errors import TocsinError

OWN_KAFKA = "Or use a Kafka of your own: set TOCSIN_BOOTSTRAP=host:port."


class BrokerUnavailable(TocsinError):
    """The embedded Kafka could not be fetched, started or stopped; the message names the step and what to do."""

    exit_code = 69

    def __init__(self, step: str, detail: str, advice: str = "") -> None:
        """`step` is what was tried, `detail` what came of it, `advice` what the reader can do besides an own Kafka."""
        super().__init__(" ".join(part for part in (f"{step}: {detail}", advice, OWN_KAFKA) if part))
        self.step = step
        self.detail = detail


class JarMismatch(BrokerUnavailable):
    """A downloaded jar does not have the locked SHA-256; it was thrown away."""
