"""A scenario table as data: what a mediator or agent does when something goes wrong (docs/requirements.md#t6).

A scenario has options; each column of the table (a deployment's choice, such as current or roadmap) names one of them.
"""

from __future__ import annotations

import re
from enum import StrEnum
from fnmatch import fnmatchcase

from msgspec import Struct, field

from tocsin.schemas.problem import RetryParty

ONLY = "only"
"""The name of a scenario's option when its document names none."""
PIURI = "<PIURI>"
"""In a code: replaced by the type of the message in trouble; left out with its dot when that is not known (G8C)."""
MAX_FALLBACKS = 8
"""How many scenarios a choice may lead through."""

_CHOICE = re.compile(r"(?P<scenario>[A-Z]{1,4}[0-9]{1,3})?(?P<option>[A-Z]|only)?")
_SCENARIO = re.compile(r"[A-Z]{1,4}[0-9]{1,3}")


class Action(StrEnum):
    """What is done towards the peer. In every case it is logged and recorded: a reply as an activity, the rest as
    problems."""

    IGNORE = "ignore"
    REPORT = "report"
    REPLY = "reply"


class Option(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing that can be done in a scenario.

    `code` is the code that is sent, `written` are other spellings in the document; `args` name values of the context.
    `synchronous`: answered in the exchange in which the message came, whatever its return route. `signed`: None means
    when there is nobody to encrypt to (T4). `reply_with`: protocol (as if all were well), same-message, or a PIURI.
    """

    do: Action
    code: str | None = None
    written: list[str] = field(default_factory=list)
    comment: str | None = None
    args: list[str] = field(default_factory=list)
    synchronous: bool = False
    signed: bool | None = None
    retry: RetryParty = RetryParty.UNKNOWN
    reply_with: str | None = field(default=None, name="with")
    note: str | None = None


class Capability(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a scenario depends on: the option if the connection is `able`, the one if it is `unable`. Where the caller
    does not say, the column decides."""

    name: str
    able: str
    unable: str


class Flow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How troubles with messages of these types are answered, whatever they are: `synchronous` in the exchange in which
    the message came, `signed` also when the sender is known."""

    message_type: str | list[str] = "*"
    synchronous: bool = False
    signed: bool = False
    note: str | None = None

    @property
    def patterns(self) -> list[str]:
        """The patterns of message types."""
        return [self.message_type] if isinstance(self.message_type, str) else self.message_type


class Scenario(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One case of the table. `chosen`: column -> an option (`B`), another scenario's (`G2B`), or its choice (`G4`)."""

    title: str
    options: dict[str, Option]
    chosen: dict[str, str]
    capability: Capability | None = None
    note: str | None = None


class ExceptionRow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which exceptions mean which scenario: patterns of class names and codes (`*` and `?`, case counts), and perhaps
    of the type of the message in trouble, and of the exception's `text` where one class means two things.

    `@storage-unreachable` stands for the patterns of a family (`exception_families.json`). A row that is `last` is
    asked only when no other row knows any name of the exception.
    """

    exception: str | list[str]
    scenario: str
    message_type: str | None = None
    text: str | list[str] = field(default_factory=list)
    last: bool = False

    @property
    def patterns(self) -> list[str]:
        """The patterns of class names."""
        return [self.exception] if isinstance(self.exception, str) else self.exception

    @property
    def texts(self) -> list[str]:
        """The patterns of texts; none: whatever it says."""
        return [self.text] if isinstance(self.text, str) else self.text


class ScenarioTable(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A whole table. `otherwise` is the scenario of an exception that no row knows."""

    name: str
    title: str
    columns: list[str]
    otherwise: str
    scenarios: dict[str, Scenario]
    exceptions: list[ExceptionRow] = field(default_factory=list)
    flows: list[Flow] = field(default_factory=list)
    source: str | None = None
    notes: list[str] = field(default_factory=list)

    def flow(self, message_type: str | None) -> Flow:
        """The first flow that has the type; a plain one if none has."""
        for flow in self.flows:
            if any(fnmatchcase(message_type or "", pattern) for pattern in flow.patterns):
                return flow
        return Flow()

    def choice(self, scenario: str, column: str) -> tuple[str, str] | None:
        """The scenario and option that act, through all fallbacks; None if the table leads nowhere."""
        for _ in range(MAX_FALLBACKS):
            known = self.scenarios.get(scenario)
            chosen = known and (known.chosen.get(column) or known.chosen.get(self.columns[0]))
            match = _CHOICE.fullmatch(chosen) if chosen else None
            if match is None:
                return None
            scenario = match["scenario"] or scenario
            if match["option"]:
                found = self.scenarios.get(scenario)
                return (scenario, match["option"]) if found and match["option"] in found.options else None
        return None


def behaviour_of(scenario: str, option: str) -> str:
    """The name of an option in its document: M4B; only M4 where the document names no options."""
    return scenario if option == ONLY else f"{scenario}{option}"


def is_scenario_name(name: str) -> bool:
    """Whether `name` is written like a scenario: capitals, then digits."""
    return _SCENARIO.fullmatch(name) is not None


def is_option_name(name: str) -> bool:
    """Whether `name` is written like an option: one capital, or `only`."""
    return name == ONLY or re.fullmatch(r"[A-Z]", name) is not None
