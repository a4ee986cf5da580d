"""The configuration of `decide` for one tenant: what others silence or subscribe to costs it nothing
(docs/reliability.md#i10)."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from tocsin.streams.rules.config import DecideConfig, Silence, Subscription


class TenantConfig:
    """Gives the configuration that holds now with the silences of one tenant alone, besides those of everybody, and
    with its own subscriptions; shared out anew only when the configuration changed, for it is asked at every event."""

    def __init__(self, config: Callable[[], DecideConfig]) -> None:
        self._config = config
        self._shared: DecideConfig | None = None
        self._others: DecideConfig | None = None
        self._by_tenant: dict[str, DecideConfig] = {}

    def __call__(self, tenant: str | None) -> DecideConfig:
        """For an event or a timer of this tenant; None when nobody knows whose it is: then with all silences."""
        config = self._config()
        if tenant is None or not (config.silences or config.subscriptions):
            return config
        if config is not self._shared:
            self._share(config)
        return self._by_tenant.get(tenant) or self._others or config

    def _share(self, config: DecideConfig) -> None:
        tenants = {one.tenant for one in config.silences if one.tenant is not None}
        tenants |= {one.tenant for one in config.subscriptions}
        silences: dict[str, list[Silence]] = {tenant: [] for tenant in tenants}
        subscriptions: dict[str, list[Subscription]] = {tenant: [] for tenant in tenants}
        for silence in config.silences:
            for mine in silences.values() if silence.tenant is None else (silences[silence.tenant],):
                mine.append(silence)
        for subscription in config.subscriptions:
            subscriptions[subscription.tenant].append(subscription)
        everybodys = tuple(one for one in config.silences if one.tenant is None)
        self._others = msgspec.structs.replace(config, silences=everybodys, subscriptions=())
        self._by_tenant = {
            tenant: msgspec.structs.replace(
                config, silences=tuple(silences[tenant]), subscriptions=tuple(subscriptions[tenant])
            )
            for tenant in tenants
        }
        self._shared = config
