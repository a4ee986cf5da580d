"""The sections that keep problems quiet, as pydantic checks them: `silences`, `inhibit`, `mute_times`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator

from tocsin.streams.rules.policies import GroupBy
from tocsin.streams.rulesfile.match_model import MatchModel
from tocsin.streams.rulesfile.values import Instant, Name, Span, Strict, Text

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
CLOCK = r"^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$"
Clock = Annotated[str, StringConstraints(pattern=CLOCK)]
"""A time of the day, HH:MM."""


def _one_or_many(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Subjects = Annotated[
    list[GroupBy],
    Field(min_length=1, max_length=10),
    BeforeValidator(_one_or_many, json_schema_input_type=GroupBy | list[GroupBy]),
]


class SilenceModel(Strict):
    """For a time, what fits is told to nobody."""

    name: Name
    match: MatchModel
    since: Instant = Field(alias="from", description="RFC 3339, such as 2026-12-24T18:00:00Z.")
    until: Instant = Field(description="RFC 3339.")
    by: Text | None = Field(default=None, description="Who wants it.")
    why: Text | None = Field(default=None, description="The reason, for who wonders later.")

    @model_validator(mode="after")
    def _in_order(self) -> SilenceModel:
        if self.since >= self.until:
            raise ValueError("a silence ends after it begins")
        return self


class InhibitModel(Strict):
    """While a case that fits `source` is open, problems that fit `target` and are equal in `equal` are told to
    nobody."""

    name: Name | None = None
    source: MatchModel
    target: MatchModel
    equal: Subjects = Field(description="What both must have in common; a value that neither has does not count.")
    lasting: Span | None = Field(default=None, alias="for", description="At most so long after the last source. 1h")


def _in_year(month: int) -> int:
    if not 1 <= month <= 12:
        raise ValueError("a month is a number from 1 to 12")
    return month


class TimeModel(Strict):
    """One recurring time; an end at or before the start is on the next day."""

    days: Annotated[
        list[Day], Field(min_length=1), BeforeValidator(_one_or_many, json_schema_input_type=Day | list[Day])
    ] = Field(default=["mon", "tue", "wed", "thu", "fri", "sat", "sun"], description="The days on which it begins.")
    start: Clock = Field(default="00:00", alias="from")
    to: Clock = Field(default="24:00")
    months: list[Annotated[int, AfterValidator(_in_year)]] = Field(default=[], description="1 to 12; without it, all.")
    timezone: Text = Field(default="UTC", description="IANA name, such as Europe/Zurich.")
