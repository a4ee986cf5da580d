"""pydantic's errors in the words of the rules file: what is wrong, what was expected, what to do."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError

from tocsin.connectors.sections import Section, Strict, file_model
from tocsin.connectors.sinks import sink_kinds
from tocsin.streams.rules.config import Grouping, Inhibition, Route, Silence, TimeOfWeek
from tocsin.streams.rules.policies import DeliveryPolicy, EscalationPolicy, LoopLimits, Repeat, Step, TimeoutPolicy
from tocsin.streams.rules.values import CLOCK, NAME, MatchSection
from tocsin.streams.rulesfile.endpoints import endpoint_model
from tocsin.streams.rulesfile.finding import Findings, Path
from tocsin.streams.rulesfile.model import MediationModel, RulesModel, TenantModel

_TYPES = {
    "string_type": "text (in quotes, if it looks like a number or true)",
    "list_type": "a list (or text, in quotes if it looks like a number)",
    "dict_type": "a mapping (key: value)",
    "model_type": "a mapping (key: value)",
    "model_attributes_type": "a mapping (key: value)",
    "bool_type": "true or false",
}

_SECTIONS: dict[str, type[Strict] | type[Section]] = {
    "": RulesModel,
    "routes": Route,
    "match": MatchSection,
    "source": MatchSection,
    "target": MatchSection,
    "group": Grouping,
    "mediation": MediationModel,
    "escalations": EscalationPolicy,
    "steps": Step,
    "delivery": DeliveryPolicy,
    "repeat": Repeat,
    "silences": Silence,
    "inhibit": Inhibition,
    "mute_times": TimeOfWeek,
    "limits": LoopLimits,
    "timeouts": TimeoutPolicy,
    "tenants": TenantModel,
}
"""What a mapping may hold, by the key at which it stands; an endpoint's by the kind of its sink."""


def note_errors(error: ValidationError, findings: Findings, within: Path = ()) -> None:
    """Add a finding for each error of pydantic in what stands at `within`; values are never quoted, they may be
    secret."""
    for detail in error.errors(include_input=False, include_url=False):
        loc = (*within, *detail["loc"])
        path = _path_in_file(loc, findings)
        kind, context = detail["type"], detail.get("ctx", {})
        name = _shown(loc)
        if kind == "extra_forbidden":
            _unknown_key(loc, path, findings)
        elif kind == "missing":
            findings.error(path, f"{name} is missing", remedy="add it")
        elif kind in _TYPES:
            findings.error(path, f"{name} has the wrong type", expected=_TYPES[kind])
        elif kind in ("union_tag_invalid", "union_tag_not_found"):
            expected = " or ".join(f"sink: {kind}" for kind in sink_kinds())
            findings.error(path, f"{name} has no sink that there is", expected, "set its sink")
        elif kind == "string_pattern_mismatch" and context["pattern"] == CLOCK:
            findings.error(path, f"{name} is not a time of the day", "HH:MM, in quotes")
        elif kind == "string_pattern_mismatch" and context["pattern"] == NAME:
            expected = "at most 64 of a-z, 0-9, dot, _ and -, beginning with a letter or digit"
            findings.error(path, f"{name} is not a name", expected)
        elif kind == "value_error":
            findings.error(path, f"{name}: {context['error']}")
        elif kind == "unfit":
            findings.error(path, **context)
        else:
            findings.error(path, f"{name}: {detail['msg'][:1].lower()}{detail['msg'][1:]}")


def _unknown_key(loc: tuple[int | str, ...], path: Path, findings: Findings) -> None:
    keys = [field.alias or name for name, field in _model_at(loc[:-1]).model_fields.items()]
    guess = get_close_matches(str(loc[-1]), keys, n=1)
    remedy = f"did you mean {guess[0]}?" if guess else "remove it or correct its spelling"
    findings.error(path, f"{_shown(loc)} is not a key that there is", f"one of {', '.join(keys)}", remedy)


def _model_at(loc: tuple[int | str, ...]) -> type[Strict]:
    if loc[:1] == ("endpoints",) and len(loc) > 2 and loc[3:4] != ("delivery",):
        return endpoint_model(str(loc[2]))
    found = _SECTIONS[next((str(part) for part in reversed(loc) if part in _SECTIONS), "")]
    return found if issubclass(found, Strict) else file_model(found)


def _path_in_file(loc: tuple[int | str, ...], findings: Findings) -> Path:
    """pydantic's location without the steps that are not in the file (tags of unions, names of types)."""
    path: tuple[Any, ...] = ()
    for part in loc:
        if (*path, part) in findings.lines:
            path = (*path, part)
    return path


def _shown(loc: tuple[int | str, ...]) -> str:
    tag = 2 if loc[:1] == ("endpoints",) else None  # the kind of sink, which pydantic adds to an endpoint's name
    named = [part for place, part in enumerate(loc) if place != tag and part != "[key]"]
    parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in named]
    return "".join(parts).lstrip(".") or "the file"
