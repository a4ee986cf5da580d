"""The configuration of `decide` for one tenant: what others silence costs it nothing (docs/reliability.md#i10)."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from tocsin.streams.rules.config import DecideConfig, Silence


class TenantConfig:
    """Gives the configuration that holds now with the silences of one tenant alone, besides those of everybody; shared
    out anew only when the configuration changed, for it is asked at every event."""

    def __init__(self, config: Callable[[], DecideConfig]) -> None:
        self._config = config
        self._shared: DecideConfig | None = None
        self._others: DecideConfig | None = None
        self._by_tenant: dict[str, DecideConfig] = {}

    def __call__(self, tenant: str | None) -> DecideConfig:
        """For an event or a timer of this tenant; None when nobody knows whose it is: then with all silences."""
        config = self._config()
        if not config.silences or tenant is None:
            return config
        if config is not self._shared:
            self._share(config)
        return self._by_tenant.get(tenant) or self._others or config

    def _share(self, config: DecideConfig) -> None:
        silences: dict[str, list[Silence]] = {one.tenant: [] for one in config.silences if one.tenant is not None}
        everybodys = []
        for one in config.silences:
            if one.tenant is not None:
                silences[one.tenant].append(one)
                continue
            everybodys.append(one)
            for mine in silences.values():
                mine.append(one)
        self._others = msgspec.structs.replace(config, silences=tuple(everybodys))
        self._by_tenant = {
            tenant: msgspec.structs.replace(config, silences=tuple(mine)) for tenant, mine in silences.items()
        }
        self._shared = config
