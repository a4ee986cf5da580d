"""A scenario table by its name, or from a file of your own (JSON, so that the light installation can read it).

Its shape is checked first, then what must fit together: columns, choices, fallbacks, codes.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from functools import lru_cache
from importlib.resources import files
from pathlib import Path as FilePath
from typing import TypeVar

import msgspec

from tocsin.connectors.dialects.codes import parse_code, read_code
from tocsin.connectors.dialects.json_text import parse_json
from tocsin.connectors.dialects.reading import Unreadable
from tocsin.connectors.dialects.template import REFERENCE
from tocsin.connectors.files import read_file
from tocsin.connectors.mediation.findings import Path, TableError, TableFinding, TableFindings, lines_of
from tocsin.connectors.mediation.table import (
    PIURI,
    Action,
    ExceptionRow,
    Option,
    Scenario,
    ScenarioTable,
    is_option_name,
    is_scenario_name,
)

TABLES = ("identus-mediator", "identus-agent", "tocsin-didcomm")
"""The tables that ship with Tocsin."""
FAMILY = "@"
"""What begins the name of a family of exceptions."""
MAX_TABLE_BYTES = 256 * 1024
"""Size of a table's file."""

MAX_SCENARIOS = 256
"""Scenarios in one table, and options in one scenario."""
_STEP = re.compile(r"\.([A-Za-z_]+)|\[(\d+)\]")
_UNKNOWN = re.compile(r"unknown field `([^`]*)`")
_MISSING = re.compile(r"missing required field `([^`]*)`")
Shape = TypeVar("Shape")


def load_table(table: str | FilePath) -> ScenarioTable:
    """A table that ships with Tocsin, by its name, or the one in a file. Raises TableError with all findings."""
    if table in TABLES:
        return _shipped(str(table))
    found, findings = read_table(FilePath(table))
    if found is None:
        raise TableError(findings)
    return found


def read_table(file: FilePath) -> tuple[ScenarioTable | None, list[TableFinding]]:
    """The table in a JSON file, None when there is an error, and all findings by line."""
    findings = TableFindings(str(file))
    try:
        data = read_file(file, MAX_TABLE_BYTES + 1)
    except OSError as error:
        remedy = f"name a file, or one of {', '.join(TABLES)}"
        findings.note((), f"the table cannot be read: {error.strerror}", remedy)
        return None, findings.in_order()
    return parse_table(data, findings), findings.in_order()


def parse_table(data: bytes, findings: TableFindings) -> ScenarioTable | None:
    """The table in JSON bytes, None when there is an error; what is wrong is noted in `findings`."""
    try:
        value = parse_json(data, max_bytes=MAX_TABLE_BYTES)
    except Unreadable as refused:
        position = refused.offset or 0
        findings.lines = {(): data.decode("utf-8-sig", "replace")[:position].count("\n") + 1}
        findings.note((), f"this is not JSON that we take: {refused}")
        return None
    findings.lines = lines_of(data.decode("utf-8-sig"))
    return build_table(value, findings)


def build_table(data: object, findings: TableFindings) -> ScenarioTable | None:
    """The table of parsed JSON, and every finding; None when there is an error."""
    if not isinstance(data, dict):
        findings.note((), "a scenario table is an object", "begin with name, title, columns, otherwise and scenarios")
        return None
    scenarios, exceptions = data.get("scenarios", {}), data.get("exceptions", [])
    shell = _convert({**data, "scenarios": {}, "exceptions": []}, ScenarioTable, (), findings)
    if not isinstance(scenarios, dict) or not isinstance(exceptions, list) or len(scenarios) > MAX_SCENARIOS:
        findings.note(("scenarios",), f"scenarios is an object of at most {MAX_SCENARIOS}, exceptions a list")
        return None
    read = {name: _scenario(name, each, findings) for name, each in scenarios.items()}
    rows = [_row(each, ("exceptions", n), findings) for n, each in enumerate(exceptions)]
    if shell is None or findings.failed:
        return None
    table = msgspec.structs.replace(
        shell,
        scenarios={name: each for name, each in read.items() if each is not None},
        exceptions=[row for row in rows if row is not None],
    )
    _check(table, findings)
    return None if findings.failed else table


@lru_cache
def _shipped(name: str) -> ScenarioTable:
    findings = TableFindings(name)
    data = files("tocsin.connectors.mediation").joinpath("tables", f"{name}.json").read_bytes()
    table = parse_table(data, findings)
    if table is None:
        raise TableError(findings.in_order())
    return table


@lru_cache
def families() -> dict[str, list[str]]:
    """Patterns of exceptions' names and codes that mean one thing, by the name of their family."""
    data = files("tocsin.connectors.mediation").joinpath("exception_families.json").read_bytes()
    return msgspec.json.decode(data, type=dict[str, list[str]])


def _row(data: object, path: Path, findings: TableFindings) -> ExceptionRow | None:
    """The row with the patterns of the families that it names."""
    row = _convert(data, ExceptionRow, path, findings)
    if row is None:
        return None
    patterns: list[str] = []
    for pattern in row.patterns:
        known = [pattern] if pattern[:1] != FAMILY else families().get(pattern[1:])
        if known is None:
            guess = get_close_matches(pattern[1:], families(), 1)
            findings.note(path, f"there is no family {pattern}", f"did you mean {FAMILY}{guess[0]}?" if guess else "")
        patterns += known or []
    return msgspec.structs.replace(row, exception=patterns)


def _scenario(name: str, data: object, findings: TableFindings) -> Scenario | None:
    path: Path = ("scenarios", name)
    if not is_scenario_name(name):
        findings.note(path, f"{name!r} is not the name of a scenario", "capitals and a number, such as G1")
    if not isinstance(data, dict) or not isinstance(data.get("options", {}), dict):
        findings.note(path, f"scenario {name} and its options are objects")
        return None
    options = {}
    for letter, each in data.get("options", {}).items():
        if not is_option_name(letter):
            findings.note(
                (*path, "options", letter), f"{letter!r} is not the name of an option", "one capital, or only"
            )
        option = _convert(each, Option, (*path, "options", letter), findings)
        if option is not None:
            _check_option(option, (*path, "options", letter), findings)
            options[letter] = option
    shell = _convert({**data, "options": {}}, Scenario, path, findings)
    return None if shell is None else msgspec.structs.replace(shell, options=options)


def _check_option(option: Option, path: Path, findings: TableFindings) -> None:
    if option.do is Action.REPLY and option.reply_with is None:
        findings.note(path, "a reply says with what", "with: protocol, same-message, or a message type")
    if option.do is Action.REPORT and not option.code:
        findings.note(path, "a report needs a code")
    for position, written in enumerate(option.written):
        _check_code(written, (*path, "written", position), findings)
    if option.code:
        _check_code(option.code, (*path, "code"), findings)
    for number in sorted({int(found) for found in REFERENCE.findall(option.comment or "")}):
        if number > len(option.args):
            findings.note((*path, "comment"), f"the comment says {{{number}}}, but there are {len(option.args)} args")


def _check_code(code: str, path: Path, findings: TableFindings) -> None:
    plain = code.replace(f".{PIURI}", ".piuri")
    try:
        broken = read_code(plain).violations
    except Unreadable:
        findings.note(path, f"{code!r} is not a problem code ({', '.join(parse_code(plain).violations)})")
        return
    if broken:
        findings.note(path, f"{code!r} breaks the grammar of codes: {', '.join(broken)}", level="warning")


def _check(table: ScenarioTable, findings: TableFindings) -> None:
    if not table.columns:
        findings.note(("columns",), "a table has at least one column")
        return
    _known(table.otherwise, ("otherwise",), table, findings)
    for number, row in enumerate(table.exceptions):
        _known(row.scenario, ("exceptions", number, "scenario"), table, findings)
    for name, scenario in table.scenarios.items():
        path: Path = ("scenarios", name, "chosen")
        for option in (scenario.capability.able, scenario.capability.unable) if scenario.capability else ():
            if option not in scenario.options:
                findings.note((*path[:-1], "capability"), f"scenario {name} has no option {option}")
        for column in scenario.chosen:
            if column not in table.columns:
                findings.note((*path, column), f"there is no column {column}", f"one of {', '.join(table.columns)}")
        for column in table.columns:
            if table.choice(name, column) is None:
                chosen = scenario.chosen.get(column) or scenario.chosen.get(table.columns[0])
                said = f"the choice {chosen!r} leads to no option" if chosen else "nothing is chosen"
                findings.note((*path, column), f"scenario {name}, column {column}: {said}")


def _known(name: str, path: Path, table: ScenarioTable, findings: TableFindings) -> None:
    if name not in table.scenarios:
        guess = get_close_matches(name, table.scenarios, n=1)
        findings.note(path, f"there is no scenario {name}", f"did you mean {guess[0]}?" if guess else "")


def _convert(data: object, shape: type[Shape], path: Path, findings: TableFindings) -> Shape | None:
    try:
        return msgspec.convert(data, shape)
    except msgspec.ValidationError as error:
        message = str(error)
        steps = [name or int(number) for name, number in _STEP.findall(message.rpartition(" - at `$")[2])]
        unknown, missing = _UNKNOWN.search(message), _MISSING.search(message)
        if unknown:
            findings.note((*path, *steps, unknown[1]), f"{unknown[1]} is not a member that there is", "remove it")
        elif missing:
            findings.note((*path, *steps), f"{missing[1]} is missing", "add it")
        else:
            reason = message.partition(" - at `$")[0]
            findings.note((*path, *steps), f"{'.'.join(map(str, (*path, *steps)))}: {reason[:1].lower()}{reason[1:]}")
        return None
