"""The style sheet and the script of the pages: each under a name that changes with what is in it, so that a browser
asks for it once."""

from __future__ import annotations

import hashlib
from importlib.resources import files

from fastapi import APIRouter
from starlette.responses import Response

from tocsin.connectors.gateway.problems import NOT_FOUND, Refusal

TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8"}
HEADERS = {"cache-control": "public, max-age=31536000, immutable", "x-content-type-options": "nosniff"}


class StaticFiles:
    """The files of the folder `static`, read once."""

    def __init__(self) -> None:
        self._files: dict[str, tuple[bytes, str]] = {}
        self._paths: dict[str, str] = {}
        for file in files("tocsin.streams.page").joinpath("static").iterdir():
            stem, _, ending = file.name.rpartition(".")
            if ending in TYPES:
                content = file.read_bytes()
                named = f"{stem}.{hashlib.sha256(content).hexdigest()[:12]}.{ending}"
                self._files[named] = content, TYPES[ending]
                self._paths[file.name] = f"/static/{named}"

    def path_of(self, name: str) -> str:
        """Where a file is. Raises KeyError for one that there is not."""
        return self._paths[name]

    def routes(self) -> APIRouter:
        """The route of all of them."""
        router = APIRouter(include_in_schema=False)

        @router.get("/static/{file}")
        async def static(file: str) -> Response:
            if file not in self._files:
                raise Refusal(NOT_FOUND)
            content, media_type = self._files[file]
            return Response(content, media_type=media_type, headers=HEADERS)

        return router
