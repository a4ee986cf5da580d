"""pydantic's errors in the words of the rules file: what is wrong, what was expected, what to do."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError

from tocsin.connectors.sections import Strict, file_model
from tocsin.streams.rules.config import (
    EscalationPolicy,
    Grouping,
    Inhibition,
    LoopLimits,
    Repeat,
    Route,
    Silence,
    Step,
    TimeOfWeek,
    TimeoutPolicy,
)
from tocsin.streams.rules.values import CLOCK, MatchSection
from tocsin.streams.rulesfile.finding import Findings, Path
from tocsin.streams.rulesfile.model import MediationModel, MemoryModel, RulesModel, TenantModel, WebhookModel

_TYPES = {
    "string_type": "text (in quotes, if it looks like a number or true)",
    "list_type": "a list (or text, in quotes if it looks like a number)",
    "dict_type": "a mapping (key: value)",
    "model_type": "a mapping (key: value)",
    "model_attributes_type": "a mapping (key: value)",
    "bool_type": "true or false",
}

_KEYS: dict[str, type[Strict]] = {
    "": RulesModel,
    "routes": file_model(Route),
    "match": file_model(MatchSection),
    "source": file_model(MatchSection),
    "target": file_model(MatchSection),
    "group": file_model(Grouping),
    "mediation": MediationModel,
    "webhook": WebhookModel,
    "memory": MemoryModel,
    "escalations": file_model(EscalationPolicy),
    "steps": file_model(Step),
    "repeat": file_model(Repeat),
    "silences": file_model(Silence),
    "inhibit": file_model(Inhibition),
    "mute_times": file_model(TimeOfWeek),
    "limits": file_model(LoopLimits),
    "timeouts": file_model(TimeoutPolicy),
    "tenants": TenantModel,
}
"""The keys that there are, by the section around them."""


def note_errors(error: ValidationError, findings: Findings) -> None:
    """Add a finding for each error of pydantic, at its line; values are never quoted, they may be secret."""
    for detail in error.errors(include_input=False, include_url=False):
        path = _path_in_file(detail["loc"], findings)
        kind, context = detail["type"], detail.get("ctx", {})
        name = _shown(detail["loc"])
        if kind == "extra_forbidden":
            _unknown_key(detail["loc"], path, findings)
        elif kind == "missing":
            findings.error(path, f"{name} is missing", remedy="add it")
        elif kind in _TYPES:
            findings.error(path, f"{name} has the wrong type", expected=_TYPES[kind])
        elif kind in ("union_tag_invalid", "union_tag_not_found"):
            findings.error(path, f"{name} has no sink that there is", "sink: webhook or sink: memory", "set its sink")
        elif kind == "string_pattern_mismatch" and context["pattern"] == CLOCK:
            findings.error(path, f"{name} is not a time of the day", "HH:MM, in quotes")
        elif kind == "string_pattern_mismatch":
            expected = "at most 64 of a-z, 0-9, dot, _ and -, beginning with a letter or digit"
            findings.error(path, f"{name} is not a name", expected)
        elif kind == "value_error":
            findings.error(path, f"{name}: {context['error']}")
        elif kind == "unfit":
            findings.error(path, **context)
        else:
            findings.error(path, f"{name}: {detail['msg'][:1].lower()}{detail['msg'][1:]}")


def _unknown_key(loc: tuple[int | str, ...], path: Path, findings: Findings) -> None:
    near = next((str(part) for part in reversed(loc[:-1]) if part in _KEYS), "")
    keys = [field.alias or name for name, field in _KEYS[near].model_fields.items()]
    guess = get_close_matches(str(loc[-1]), keys, n=1)
    remedy = f"did you mean {guess[0]}?" if guess else "remove it or correct its spelling"
    findings.error(path, f"{_shown(loc)} is not a key that there is", f"one of {', '.join(keys)}", remedy)


def _path_in_file(loc: tuple[int | str, ...], findings: Findings) -> Path:
    """pydantic's location without the steps that are not in the file (tags of unions, names of types)."""
    path: tuple[Any, ...] = ()
    for part in loc:
        if (*path, part) in findings.lines:
            path = (*path, part)
    return path


def _shown(loc: tuple[int | str, ...]) -> str:
    parts = [
        f"[{part}]" if isinstance(part, int) else f".{part}"
        for part in loc
        if part not in ("webhook", "memory", "[key]")
    ]
    return "".join(parts).lstrip(".") or "the file"
