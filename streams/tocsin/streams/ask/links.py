"""The links in answers: absolute where the bus has a public address."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from starlette.requests import Request

from tocsin.connectors.gateway.admission import caller_of


class Links:
    """Where things are, for one request. `public_url` is the gateway's address as people and peers know it."""

    def __init__(self, public_url: str | None, request: Request) -> None:
        self._base = (public_url or "").rstrip("/")
        caller = caller_of(request)
        # Whoever may see every tenant has to name one; whoever is one tenant's has not.
        self._tenant = [("tenant", caller.tenant)] if caller.every_tenant else []
        self._request = request

    def to(self, *path: str, **parameters: str) -> str:
        """The address of `/v1/` and so on; parts are escaped."""
        query = urlencode([*parameters.items(), *self._tenant])
        return f"{self._base}/v1/{'/'.join(quote(part, safe='') for part in path)}" + (f"?{query}" if query else "")

    def next(self, cursor: str | None) -> str | None:
        """Where the page behind this one is."""
        if cursor is None:
            return None
        said = [(name, value) for name, value in self._request.query_params.multi_items() if name != "cursor" and value]
        return f"{self._base}{quote(self._request.url.path)}?{urlencode([*said, ('cursor', cursor)])}"

    def problem(self, problem: str) -> str:
        """A problem: the `instance` of RFC 9457."""
        return self.to("problems", problem)
