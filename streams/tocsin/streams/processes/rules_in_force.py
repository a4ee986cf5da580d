"""The rules as a gateway knows them, for whoever asks what would happen."""

from __future__ import annotations

from tocsin.connectors.gateway.ask_kinds import RULES_AWAY
from tocsin.connectors.gateway.problems import Refusal
from tocsin.connectors.redaction import Redactions
from tocsin.streams.ask.try_routes import InForce
from tocsin.streams.processes.live_config import LiveConfig
from tocsin.streams.processes.rules_read import RulesAsRead, RulesUnreadable
from tocsin.streams.settings import Settings
from tocsin.streams.silences.settings_topic import SettingsTopic
from tocsin.streams.subscriptions.live_rules import LiveRules


class RulesInForce:
    """A `RulesPort`: the rules file as read here, with the silences and subscriptions of an open SettingsTopic."""

    def __init__(
        self, settings: Settings, rules: RulesAsRead, following: SettingsTopic, redactions: Redactions
    ) -> None:
        live = LiveRules(rules, following.subscriptions, sealed=True)
        self._rules, self._following, self._redactions = rules, following, redactions
        self._config = LiveConfig(settings, live, lambda: following.silences.in_force, live.wanted)

    async def in_force(self, tenant: str) -> InForce:
        """What would decide now. Raises Refusal."""
        try:
            note = await self._rules.look()
        except RulesUnreadable as unreadable:
            raise Refusal(RULES_AWAY) from unreadable
        notes = [one for one in (note, self._following.note()) if one is not None]
        return InForce(config=self._config(), redaction=self._redactions(tenant), notes=notes)
