"""The catalogue of well-known problem codes as data: what a code means, who can fix it, whether to try again; in five
languages, offline (docs/requirements.md#c13; RFC 0035 "registry of well known problem codes").

`codes/*.json` is one file a source, `advice.json` holds the texts that many codes share, `codes.lock.json` the hashes.
Reading needs nothing but the light install; choosing among languages needs Babel (extras `gateway` and `streams`).
"""

from tocsin.connectors.catalogue.catalogue import DEFAULT, Catalogue, Found, Match, accepted, negotiate
from tocsin.connectors.catalogue.entries import Advice, Entry, Form, Retry, Texts
from tocsin.connectors.catalogue.explaining import Explanation, Origin, SourcedText, explain
from tocsin.connectors.catalogue.gaps import Finding, lint

__all__ = [
    "DEFAULT", "Advice", "Catalogue", "Entry", "Explanation", "Finding", "Form", "Found", "Match", "Origin", "Retry",
    "SourcedText", "Texts", "accepted", "explain", "lint", "negotiate",
]  # fmt: skip
