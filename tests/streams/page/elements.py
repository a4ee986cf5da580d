"""A page taken apart."""

from __future__ import annotations

from html.parser import HTMLParser

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


class Elements(HTMLParser):
    """The elements of a page with their attributes, its links, its text, and the fields of its forms."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.words: list[str] = []
        self.attributes: set[str] = set()
        self.forms: list[dict[str, str]] = []
        self.feed(page)

    @property
    def text(self) -> str:
        """What is to be read, with single spaces."""
        return " ".join("".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        self.tags.add(tag)
        self.attributes |= named.keys()
        if tag == "a" and "href" in named:
            self.links.append(named["href"])
        if tag == "form":
            self.forms.append({"": named["action"]})
        if tag == "input" and self.forms and "name" in named:
            self.forms[-1][named["name"]] = named.get("value", "")

    def handle_data(self, data: str) -> None:
        self.words.append(data)
