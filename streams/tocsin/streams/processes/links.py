"""The links in notifications, as the settings have them."""

from __future__ import annotations

from tocsin.connectors.kafka_security import secret_of
from tocsin.connectors.people.action_links import ActionLinks
from tocsin.streams.settings import ENV_PREFIX, Settings, SettingsInvalid


def links_of(settings: Settings) -> ActionLinks | None:
    """What makes and reads them; None without a public address or a key. Raises SettingsInvalid for a key that is not
    there, or too short."""
    if settings.public_url is None or settings.link_key is None:
        return None
    try:
        return ActionLinks(settings.public_url, secret_of(settings.link_key, "key for links").split())
    except ValueError as error:
        raise SettingsInvalid([f"{ENV_PREFIX}LINK_KEY: {error}"]) from None
