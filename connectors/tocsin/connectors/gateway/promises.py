"""What /openapi.json says of each operation and parameter: whether it will stay (docs/stability.md)."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from tocsin.connectors.stability import Level, Mark, marks


def tell_promises(app: FastAPI) -> None:
    """From now on the document of `app` has an `x-stability` wherever there is a mark."""
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            _mark(plain())
        return plain()  # what was made is kept

    app.openapi = openapi  # type: ignore[method-assign]


def _mark(document: dict[str, Any]) -> None:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            name = f"{method.upper()} {path}"
            _say(operation, marks("routes").get(name))
            for parameter in operation.get("parameters", ()):
                _say(parameter, marks("routes").get(f"{name} {parameter['name']}"))


def _say(what: dict[str, Any], mark: Mark | None) -> None:
    if mark is not None:
        what["x-stability"] = str(mark)
    if mark is not None and mark.level is Level.DEPRECATED:
        what["deprecated"] = True
