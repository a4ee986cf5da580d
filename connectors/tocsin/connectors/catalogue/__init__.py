"""The catalogue of well-known problem codes as data: what a code means, who can fix it, whether to try again; in five
languages, offline (docs/requirements.md#c13; RFC 0035 "registry of well known problem codes").

`codes/*.json` is one file a source, `advice.json` holds the texts that many codes share, `codes.lock.json` the hashes.
It needs nothing but the light install.
"""

from tocsin.connectors.catalogue.catalogue import Catalogue, Found, Match
from tocsin.connectors.catalogue.entries import Advice, Entry, Form, Retry, Texts
from tocsin.connectors.catalogue.explaining import Explanation, Origin, SourcedText, explain
from tocsin.connectors.catalogue.gaps import Finding, lint
from tocsin.connectors.catalogue.languages import DEFAULT, accepted, negotiate

__all__ = [
    "DEFAULT", "Advice", "Catalogue", "Entry", "Explanation", "Finding", "Form", "Found", "Match", "Origin", "Retry",
    "SourcedText", "Texts", "accepted", "explain", "lint", "negotiate",
]  # fmt: skip
