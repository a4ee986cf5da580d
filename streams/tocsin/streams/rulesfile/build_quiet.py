"""The sections `silences`, `inhibit` and `mute_times` in the pure form of the rules."""

from __future__ import annotations

from collections.abc import Mapping
from zoneinfo import ZoneInfo

from tocsin.streams.rules.policies import TimeOfWeek
from tocsin.streams.rules.rulebook import Inhibition, Silence
from tocsin.streams.rules.spans import HOUR
from tocsin.streams.rulesfile.finding import Findings, Path
from tocsin.streams.rulesfile.matching import match_of
from tocsin.streams.rulesfile.model import RulesModel
from tocsin.streams.rulesfile.quiet_model import TimeModel

INHIBITS_FOR = HOUR
"""How long after its last report a case inhibits others, when the file says nothing (microseconds)."""

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def silences_of(model: RulesModel, findings: Findings) -> tuple[Silence, ...]:
    """The silences of the file; two of one name, and one for everything, are noted."""
    silences: list[Silence] = []
    for number, each in enumerate(model.silences):
        path: Path = ("silences", number)
        if any(before.name == each.name for before in silences):
            findings.error((*path, "name"), f"two silences are named {each.name}", remedy="rename one")
        match = match_of(each.match, (*path, "match"), findings)
        if match.everything:
            findings.error((*path, "match"), f"silence {each.name} would silence everything", remedy="say what fits")
        silences.append(
            Silence(name=each.name, match=match, since=each.since, until=each.until, by=each.by or "", why=each.why)
        )
    return tuple(silences)


def inhibitions_of(model: RulesModel, findings: Findings) -> tuple[Inhibition, ...]:
    """The inhibitions of the file."""
    found: list[Inhibition] = []
    for number, each in enumerate(model.inhibit):
        path: Path = ("inhibit", number)
        name = each.name or f"inhibit-{number + 1}"
        if any(before.name == name for before in found):
            findings.error((*path, "name"), f"two inhibitions are named {name}", remedy="rename one")
        found.append(
            Inhibition(
                name=name,
                source=match_of(each.source, (*path, "source"), findings),
                target=match_of(each.target, (*path, "target"), findings),
                equal=tuple(dict.fromkeys(each.equal)),
                lasting=each.lasting or INHIBITS_FOR,
            )
        )
    return tuple(found)


def mute_times_of(model: RulesModel, findings: Findings) -> Mapping[str, tuple[TimeOfWeek, ...]]:
    """The mute times by name."""
    return {
        name: tuple(_time(each, ("mute_times", name, number), findings) for number, each in enumerate(times))
        for name, times in model.mute_times.items()
    }


def _time(model: TimeModel, path: Path, findings: Findings) -> TimeOfWeek:
    try:
        ZoneInfo(model.timezone)
    except (ValueError, OSError, KeyError):
        expected = "an IANA name, such as Europe/Zurich"
        findings.error((*path, "timezone"), f"there is no time zone {model.timezone}", expected)
    return TimeOfWeek(
        days=() if len(set(model.days)) == len(_DAYS) else tuple(sorted({_DAYS.index(day) for day in model.days})),
        start=_minutes(model.start),
        end=_minutes(model.to),
        months=tuple(sorted(set(model.months))),
        timezone=model.timezone,
    )


def _minutes(clock: str) -> int:
    hours, minutes = clock.split(":")
    return int(hours) * 60 + int(minutes)
