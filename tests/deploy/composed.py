"""The services of `deploy/compose`, as compose reads them: merged files, anchors, variables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

COMPOSE = Path(__file__).parents[2] / "deploy" / "compose"
VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")


def composed(*files: str) -> dict[str, Any]:
    """The document of these files, the later over the earlier ones, variables left as they are."""
    yaml = YAML(typ="safe")
    yaml.constructor.add_constructor("!override", lambda loader, node: loader.construct_sequence(node))
    found: dict[str, Any] = {}
    for file in files:
        found = _over(found, yaml.load((COMPOSE / file).read_text("utf-8")))
    return found


def our_services(document: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Those that run the image of the bus, by name."""
    return {name: one for name, one in document["services"].items() if one.get("image", "").startswith("tocsin:")}


def without_variables(value: str) -> str:
    """A value with the defaults of its variables; what must be said is `said`."""
    return VARIABLE.sub(lambda found: found[3] if found[2] == "-" else "said", value)


def _over(below: Any, above: Any) -> Any:
    if isinstance(below, dict) and isinstance(above, dict):
        return below | {name: _over(below.get(name), value) for name, value in above.items()}
    return above
