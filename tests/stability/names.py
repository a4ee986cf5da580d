"""The names of ours that others use, read from the code. `python -m tests.stability.names` marks new ones as unstable
since this release, and drops unstable ones that are gone; all else is written by hand."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module
from importlib.metadata import version
from itertools import groupby
from typing import Any

from typer.main import get_command

from deploy.site.source import ROOT
from tests.connectors.gateway.test_scopes import whole_app
from tests.harness.keys import Keyring
from tocsin.connectors.gateway.scopes import ROUTES
from tocsin.connectors.metrics import CATALOGUE
from tocsin.connectors.stability import Kind, Level, Mark, read_marks
from tocsin.schemas.lock import locked_rows
from tocsin.streams.cli.main import COMMANDS, application
from tocsin.streams.rulesfile import json_schema
from tocsin.streams.settings import ENV_PREFIX, OTHER_VARIABLES, Settings
from tocsin.streams.topology import TOPICS

FOLDER = ROOT / "connectors/tocsin/connectors/stability/names"
PACKAGES = (
    "catalogue",
    "conformance",
    "dialects",
    "mediation",
    "publish",
    "sdk",
    "sinks",
    "subscribe",
    "web5",
    "webhooks",
)
"""Of the connectors: what `__all__` of these lists is for everybody."""
MODULES = (
    "connectors.asgi", "connectors.hooks.apscheduler", "connectors.hooks.arq", "connectors.hooks.celery",
    "connectors.hooks.dramatiq", "connectors.hooks.flask", "connectors.jobs", "connectors.logs",
    "connectors.publish.metrics", "connectors.subscribe.metrics", "connectors.unhandled", "connectors.wsgi",
    "schemas.codec", "schemas.problem",
)  # fmt: skip
"""Modules whose own public names are for everybody."""
OURS = ("access", "commands", "gateway", "kafka", "metrics", "stability", "store")
"""Packages of the connectors with an `__all__` that is for ourselves: no promise is made of them."""


def commands() -> Iterator[str]:
    """`tocsin tail`, and each option: `tocsin tail --from`."""
    for name in COMMANDS:
        loaded: Any = get_command(application(name))
        yield from _command(f"tocsin {name}", loaded.commands[name])


def _command(path: str, command: Any) -> Iterator[str]:
    within: Mapping[str, Any] = getattr(command, "commands", {})
    if not within:
        yield path
    shown = [one for one in command.params if one.param_type_name == "option" and not one.hidden]
    yield from (f"{path} {flag}" for one in shown for flag in (*one.opts, *one.secondary_opts) if one.name != "help")
    for name, one in within.items():
        yield from _command(f"{path} {name}", one)


def events() -> Iterator[str]:
    """The subjects; schemas/README.md says how each may change."""
    yield from (row.subject for row in locked_rows())


def metrics() -> Iterator[str]:
    """Each with its labels: another label is another metric to whoever sums it."""
    yield from (metric.signature for metric in CATALOGUE.values())


def python() -> Iterator[str]:
    """What the public packages say in `__all__`, and the public modules define."""
    for package in (*(f"tocsin.connectors.{name}" for name in PACKAGES), "tocsin.schemas.events"):
        yield from (f"{package}.{name}" for name in import_module(package).__all__)
    for name in MODULES:
        module = import_module(f"tocsin.{name}")
        yield from (
            f"{module.__name__}.{one}" for one, value in vars(module).items()
            if not one.startswith("_") and getattr(value, "__module__", None) == module.__name__
        )  # fmt: skip


def routes() -> Iterator[str]:
    """`GET /v1/cases`, and what stands in query or headers: `GET /v1/cases state`."""
    for route, methods in ROUTES.items():
        yield from (f"{method} {route.replace(':path}', '}')}" for method in methods)
    for path, operations in whole_app(Keyring()).openapi()["paths"].items():
        for method, operation in operations.items():
            said = (one for one in operation.get("parameters", ()) if one["in"] != "path")
            yield from (f"{method.upper()} {path} {one['name']}" for one in said)


def rules() -> Iterator[str]:
    """The keys of the rules file by their place: `routes[].match.code`; `*` is a name of one's own."""
    schema = json_schema()
    yield from _keys(schema, schema["$defs"], "", ())


def _keys(schema: Mapping[str, Any], known: Mapping[str, Any], place: str, within: tuple[str, ...]) -> Iterator[str]:
    if name := schema.get("$ref", "").rpartition("/")[2]:
        if name not in within:
            yield from _keys(known[name], known, place, (*within, name))
        return
    for branch in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        yield from _keys(branch, known, place, within)
    if isinstance(items := schema.get("items"), Mapping):
        yield from _keys(items, known, f"{place}[]", within)
    for inner in (*schema.get("patternProperties", {}).values(), schema.get("additionalProperties")):
        if isinstance(inner, Mapping):
            yield from _keys(inner, known, f"{place}.*" if place else "*", within)
    keys: Mapping[str, Any] = schema.get("properties", {})
    sink = f"({keys['sink']['const']})" if "sink" in keys else ""
    for key, inner in keys.items():
        at = f"{place}{sink}.{key}" if place else key
        yield at
        yield from _keys(inner, known, at, within)


def settings() -> Iterator[str]:
    """The environment variables."""
    yield from (f"{ENV_PREFIX}{name.upper()}" for name in Settings.model_fields)
    yield from (name for name in OTHER_VARIABLES if "TEST" not in name)


def topics() -> Iterator[str]:
    """Without their prefix."""
    yield from (topic.name for topic in TOPICS)


NAMES: Mapping[Kind, Callable[[], Iterator[str]]] = {
    "commands": commands, "events": events, "metrics": metrics, "python": python, "routes": routes, "rules": rules,
    "settings": settings, "topics": topics,
}  # fmt: skip


def names_of(kind: Kind) -> set[str]:
    """The names of a kind that the code has now."""
    return set(NAMES[kind]())


def brought_up(marked: Mapping[str, Mark], there: Iterable[str], release: str) -> dict[str, Mark]:
    """The marks with what is new as unstable, and without unstable ones that are gone; no promise is taken back."""
    now = set(there)
    kept = {name: mark for name, mark in marked.items() if name in now or mark.level is not Level.UNSTABLE}
    return {**{name: Mark(Level.UNSTABLE, release) for name in now}, **kept}


def written(kind: str, marked: Mapping[str, Mark]) -> str:
    """A file of names: by level, release and name."""
    lines = [f"# What may be expected of the names of {kind}: docs/stability.md. Promises are made and ended by hand."]
    order = list(Level)
    for (level, since), names in groupby(
        sorted(marked.items(), key=lambda one: (order.index(one[1].level), one[1].since, one[0])),
        key=lambda one: (one[1].level, one[1].since),
    ):
        if level is Level.DEPRECATED:
            lines += ["", f'[deprecated."{since}"]', *(f"{json.dumps(n)} = {json.dumps(m.instead)}" for n, m in names)]
        else:
            lines += [*(("", f"[{level}]") if f"[{level}]" not in lines else ()), f'"{since}" = [']
            lines += [*(f"  {json.dumps(name)}," for name, _ in names), "]"]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    for kind in NAMES:
        file = FOLDER / f"{kind}.toml"
        marked = read_marks(file.read_text("utf-8")) if file.exists() else {}
        file.write_text(written(kind, brought_up(marked, names_of(kind), version("tocsin"))), "utf-8")
