"""The pages for people: what the questions of `ask` answer, in a browser. `Pages` is the port that the gateway has."""

from __future__ import annotations

from tocsin.connectors.gateway.page_port import PagePort


def pages_of(public_url: str | None) -> PagePort | None:
    """The pages, where the extra `page` is installed; else None: there is JSON alone."""
    try:
        from tocsin.streams.page.pages import Pages
    except ModuleNotFoundError as error:
        if error.name != "jinja2":
            raise
        return None
    return Pages(public_url)


__all__ = ["pages_of"]
