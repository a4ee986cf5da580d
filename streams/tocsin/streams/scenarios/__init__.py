"""Scenarios: given these events at these times, then exactly these notifications (docs/scenarios.md)."""

from tocsin.streams.scenarios.bus import VirtualBus
from tocsin.streams.scenarios.matching import differences, said
from tocsin.streams.scenarios.reading import BadScenario, Scenario, parse_scenarios

__all__ = ["BadScenario", "Scenario", "VirtualBus", "differences", "parse_scenarios", "said"]
