"""API keys of a test's own, in the form in which a gateway holds them."""

from __future__ import annotations

from tocsin.connectors.access import ApiKeys
from tocsin.connectors.commands import key_set


class Keyring:
    """`keys` for a gateway; `text` makes a key and gives it as its holder has it."""

    def __init__(self) -> None:
        self.keys = ApiKeys()

    def text(self, tenant: str = "acme", *scopes: str, **more: object) -> str:
        """A new key, with every scope unless some are named."""
        every = ["publish", "read", "command", "admin", *(["metrics"] if tenant == "*" else [])]
        event, new = key_set({"name": f"a key of {tenant}", "scopes": list(scopes or every), **more}, tenant, by="ann")
        self.keys.learn(event)
        return new.text

    def header(self, tenant: str = "acme", *scopes: str, **more: object) -> dict[str, str]:
        """The header with a new key."""
        return {"authorization": f"Bearer {self.text(tenant, *scopes, **more)}"}
