"""How the bus opens its DIDComm keys: what TOCSIN_DIDCOMM_* say, for the gateway, the dispatcher and the commands."""

from __future__ import annotations

from pathlib import Path

from tocsin.connectors.didcomm.config import PackerConfig
from tocsin.connectors.kafka_security import SecurityUnusable, secret_of
from tocsin.streams.settings import Settings, SettingsInvalid

DEFAULT_FILE = "didcomm-keys.json"
"""In the home, where TOCSIN_DIDCOMM_KEYS says nothing."""


def keys_place(settings: Settings) -> Path:
    """Where our keys are, or would be."""
    return settings.didcomm_keys or settings.home / DEFAULT_FILE


def packer_config(settings: Settings) -> PackerConfig | None:
    """What a packer is opened with; None when nobody has made keys. Raises SettingsInvalid."""
    place = keys_place(settings)
    if settings.didcomm_keys is None and not place.exists():
        return None
    return PackerConfig(
        keys=place,
        passphrase=passphrase_of(settings),
        did_web=settings.didcomm_did_web,
        allow_private=settings.didcomm_private,
    )


def tenants_of_keys(settings: Settings) -> dict[str, str]:
    """Whose what comes to one of our identities is, by its name; nobody else speaks under it."""
    pairs = (pair.partition("=") for pair in settings.didcomm_tenants.split(",") if pair.strip())
    return {name.strip(): tenant.strip() for name, _, tenant in pairs}


def passphrase_of(settings: Settings) -> str | None:
    """The passphrase of an Askar store. Raises SettingsInvalid, which names where it was looked for."""
    if settings.didcomm_passphrase is None:
        return None
    try:
        return secret_of(settings.didcomm_passphrase, "passphrase")
    except SecurityUnusable as unusable:
        why = str(unusable).replace(" for Kafka", "")
        raise SettingsInvalid([f"TOCSIN_DIDCOMM_PASSPHRASE: {why}"]) from None
