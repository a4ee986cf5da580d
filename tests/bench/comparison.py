"""Rounds of contenders as figures: median and range, and what each is to the first of them."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from rich.table import Table


@dataclass(frozen=True)
class Spread:
    """The median of some rounds, and the least and the most of them."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float], digits: int) -> Spread:
        """Raises ValueError without values."""
        if not values:
            raise ValueError("no round was measured")
        found = (statistics.median(values), min(values), max(values))
        return cls(*(round(one, digits) for one in found))

    def shown(self, digits: int) -> str:
        """As in a table: `0.20 (0.19-0.22)`."""
        return f"{self.median:,.{digits}f} ({self.least:,.{digits}f}-{self.most:,.{digits}f})"


@dataclass(frozen=True)
class Round:
    """What one contender did in one round."""

    deliveries: int
    wanted: int
    seconds: float
    cpu: Mapping[str, float]
    """CPU seconds by what its processes do."""

    @property
    def ms(self) -> float:
        """CPU milliseconds a delivery, of all its processes."""
        return 1000 * sum(self.cpu.values()) / max(1, self.deliveries)

    @property
    def rate(self) -> float:
        """Deliveries a second, from the first problem that was published to the last delivery."""
        return self.deliveries / self.seconds if self.seconds > 0 else 0.0


Rounds = Mapping[str, Sequence[Round]]
"""Contender -> its rounds, all in the same order."""


def figures(rounds: Rounds, to: str | None) -> dict[str, dict[str, object]]:
    """Contender -> its figures; with the ratios to the contender `to`, each of rounds that ran beside each other."""
    told: dict[str, dict[str, object]] = {}
    for name, found in rounds.items():
        of_name: dict[str, object] = {
            "deliveries": sum(one.deliveries for one in found),
            "of": sum(one.wanted for one in found),
            "cpu_ms_per_delivery": asdict(Spread.of([one.ms for one in found], 3)),
            "per_s": asdict(Spread.of([one.rate for one in found], 0)),
            "by_process_ms": by_process(found),
        }
        if to is not None and name != to:
            pairs = list(zip(found, rounds[to], strict=True))
            of_name["cpu_to_first"] = asdict(Spread.of([one.ms / first.ms for one, first in pairs], 2))
            of_name["per_s_to_first"] = asdict(Spread.of([one.rate / first.rate for one, first in pairs], 3))
        told[name] = of_name
    return told


def by_process(found: Sequence[Round]) -> dict[str, float]:
    """The median CPU milliseconds a delivery of each kind of process."""
    words = dict.fromkeys(word for one in found for word in one.cpu)
    return {
        word: round(statistics.median(1000 * one.cpu.get(word, 0.0) / max(1, one.deliveries) for one in found), 3)
        for word in words
    }


def table(rounds: Rounds, to: str | None) -> Table:
    """The same for people."""
    shown = Table("", "CPU ms a delivery", "deliveries/s", "CPU, ratio", "rate, ratio", "CPU ms by process")
    for name, told in figures(rounds, to).items():
        shown.add_row(
            name if told["deliveries"] == told["of"] else f"{name}: only {told['deliveries']} of {told['of']} came",
            _cell(told["cpu_ms_per_delivery"], 2),
            _cell(told["per_s"], 0),
            _cell(told.get("cpu_to_first"), 2),
            _cell(told.get("per_s_to_first"), 2),
            ", ".join(f"{word} {ms:.2f}" for word, ms in by_process(rounds[name]).items() if ms >= 0.005),
        )
    return shown


def _cell(value: object, digits: int) -> str:
    return Spread(**value).shown(digits) if isinstance(value, dict) else ""
