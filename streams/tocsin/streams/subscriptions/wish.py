"""What a document wishes for: an endpoint of one tenant, a webhook, and what it wants to hear.

The settings are those of the section `endpoints` of a rules file, but only such as a stranger may give: nothing is
looked up in our environment or in our files, and what the rules must know stands apart from what may hold secrets.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from msgspec import Struct
from pydantic import TypeAdapter, ValidationError
from yarl import URL

from tocsin.connectors.dialects import Unreadable, UnreadableReason
from tocsin.connectors.guard import is_public
from tocsin.connectors.secrets import SecretSources
from tocsin.connectors.sinks.webhook.config import DNS_NAME
from tocsin.connectors.webhooks.keys import WRITTEN
from tocsin.streams.rules.config import NOT_FOR_PEERS, Endpoint
from tocsin.streams.rules.match import Match, MatcherUnusable
from tocsin.streams.rules.values import NAME, MatchInFile
from tocsin.streams.rulesfile.checking import is_place_of
from tocsin.streams.rulesfile.endpoints import ADDRESSED, endpoints_of
from tocsin.streams.rulesfile.finding import Findings
from tocsin.streams.rulesfile.wording import note_errors
from tocsin.streams.silences.subscriptions import MAX_TEXT

SINK = "webhook"
"""The one kind of sink that may be made while running: the others are the operator's alone."""

SETTINGS = ("url", "headers", "allow_private", "ownership", "origin")
"""Settings of the sink that a document may give, besides its secret; all of them are sealed."""

MEMBERS = ("name", "match", "secret", "ed25519", "by", *ADDRESSED, *SETTINGS)

NAME_WORDS = "a name: at most 64 of a-z, 0-9, dot, _ and -, beginning with a letter or digit"
WANTED = {
    "url": "an https URL on port 443 whose host is public",
    "headers": "at most 20 headers that HTTP allows and the sink does not set itself",
    "secret": WRITTEN,
    "match": "matchers that the rules can use",
    "expr": "an expression (CEL)",
}
"""What should stand at a member (the last part of its pointer), where a finding only says what is wrong there: the
member `expected` of a refusal always begins with what is wanted, and says what is wrong in brackets."""
SHOULD_BE = "input should be "
"""Before what pydantic wants of a member of few values."""
_NOWHERE = SecretSources(environment={}, folder=Path("/nonexistent"))
_MATCH: TypeAdapter[Match] = TypeAdapter(MatchInFile)
_FOR_CHECKS = "whsec_" + "A" * 43 + "="


class Wish(Struct, frozen=True, kw_only=True):
    """What a document says. `secret` is what is to sign, if it says so; `ed25519`: we are to make a pair for v1a. Shows
    nothing of itself: URL and headers may hold secrets, too."""

    name: str
    match: str
    config: str
    settings: dict[str, Any]
    secret: str | None = None
    ed25519: bool = False

    def __repr__(self) -> str:
        return f"Wish({self.name!r})"


def read_wish(
    document: Mapping[str, Any], *, name: str | None = None, own: Collection[str] = (), private: bool = False
) -> Wish:
    """The wish of a document; `name` is that of the path, if it has one. `own` are the base URLs of this bus's gateway,
    which may not subscribe to itself; `private` lets the endpoint have `allow_private`. Raises Unreadable naming the
    member, and never quoting one."""
    _check_members(document)
    said = document.get("name", name)
    if not isinstance(said, str) or not re.fullmatch(NAME, said):
        raise _wrong("/name", NAME_WORDS)
    if name is not None and said != name:
        raise _wrong("/name", "the name of the path, or none")
    settings = {key: document[key] for key in SETTINGS if key in document}
    secret, ed25519 = document.get("secret"), document.get("ed25519", False)
    _check_settings(settings, secret, ed25519, private)
    public = {key: document[key] for key in ADDRESSED if key in document}
    endpoint = checked_endpoint(said, public, {**settings, "secret": _FOR_CHECKS if secret is None else secret})
    _check_endpoint(endpoint, own)
    match = document.get("match", {})
    _check_match(match)
    texts = {"match": json.dumps(match), "config": json.dumps(public)}
    for part, text in texts.items():
        if len(text) > MAX_TEXT:
            raise Unreadable(UnreadableReason.TOO_LONG, f"/{part}", f"at most {MAX_TEXT} characters")
    return Wish(name=said, settings=settings, secret=secret, ed25519=ed25519, **texts)


def checked_endpoint(name: str, public: Mapping[str, Any], settings: Mapping[str, Any]) -> Endpoint:
    """The endpoint of these settings, as a rules file would make it. Raises Unreadable."""
    findings = Findings("")
    try:
        found = endpoints_of({name: {"sink": SINK, **public, **settings}}, _NOWHERE, findings)
    except ValidationError as error:
        note_errors(error, findings, ("endpoints",))
        place = [part for part in error.errors(include_input=False)[0]["loc"] if part not in (name, SINK)]
        raise _unfit(findings, "".join(f"/{part}" for part in place[:1])) from None
    if findings.failed:
        where = re.match(rf"endpoint {re.escape(name)}, (\w+): ", findings.found[0].message)
        raise _unfit(findings, f"/{where[1]}" if where else "")
    return found[name]


def _check_members(document: Mapping[str, Any]) -> None:
    for member in document:
        if member not in MEMBERS:
            guess = get_close_matches(str(member), MEMBERS, n=1)
            meant = f"{guess[0]}, or another of" if guess else "one of"
            raise _wrong("", f"only members that there are: {meant} {', '.join(MEMBERS)}")


def _check_settings(settings: Mapping[str, Any], secret: Any, ed25519: Any, private: bool) -> None:
    if "url" not in settings:
        raise Unreadable(UnreadableReason.MISSING_MEMBER, "/url", "where the webhook is")
    headers = settings.get("headers", {})
    if not isinstance(headers, dict) or not all(isinstance(value, str) for value in headers.values()):
        raise _wrong("/headers", "an object of texts")
    if settings.get("allow_private", False) is not False and not private:
        raise _wrong("/allow_private", "none: private addresses are the operator's to allow (docs/subscriptions.md)")
    if settings.get("ownership") == "options" and settings.get("origin") is None:
        raise Unreadable(UnreadableReason.MISSING_MEMBER, "/origin", "who asks, with ownership options: a DNS name")
    if settings.get("ownership") != "options" and settings.get("origin") is not None:
        raise _wrong("/origin", "none: it is only for ownership options")
    origin = settings.get("origin")
    if origin is not None and not (isinstance(origin, str) and DNS_NAME.fullmatch(origin)):
        raise _wrong("/origin", "a DNS name, such as tocsin.example.org")
    if secret is not None and not isinstance(secret, str):
        raise _wrong("/secret", f"a text: {WRITTEN}; without it one is made")
    if not isinstance(ed25519, bool) or (ed25519 and secret is not None):
        raise _wrong("/ed25519", "true (a pair is made) or false, and no secret beside it")


def _check_endpoint(endpoint: Endpoint, own: Collection[str]) -> None:
    if endpoint.audience == "operator":
        raise _wrong("/audience", "owner or peer: operators hear of every tenant, and stand in the rules file")
    if endpoint.audience == "peer" and endpoint.body in NOT_FOR_PEERS:
        raise _wrong("/body", "a dialect that a peer knows, such as didcomm-2.0")
    if not getattr(endpoint.settings, "allow_private", False) and _is_private(getattr(endpoint.settings, "url", "")):
        raise _wrong("/url", "a public address, or a name that leads to one")
    if is_place_of(getattr(endpoint.settings, "url", ""), own):
        raise _wrong("/url", "the address of somebody else: this bus would tell itself, without end")


def _is_private(url: str) -> bool:
    """Whether the host is plainly no public address. Names are looked up, and checked, at each connection."""
    host = URL(url).host or ""
    try:
        ip_address(host)
    except ValueError:
        return host.casefold().rstrip(".") == "localhost"
    return not is_public(host)


def _check_match(match: Any) -> None:
    if not isinstance(match, dict):
        raise _wrong("/match", 'an object, such as {"code": ["e.p.xfer"]}')
    if "tenant" in match:
        raise _wrong("/match/tenant", "none: a subscription is of its own tenant")
    try:
        _MATCH.validate_python(match)
    except ValidationError as error:
        findings = Findings("")
        note_errors(error, findings, ("match",))
        place = "".join(f"/{part}" for part in error.errors(include_input=False)[0]["loc"][:1])
        raise _unfit(findings, f"/match{place}") from None
    except MatcherUnusable as unusable:
        raise _wrong("/match", f"{WANTED['match']} (here: {unusable})") from None


def _unfit(findings: Findings, pointer: str) -> Unreadable:
    first = findings.found[0]
    said, remedy = first.expected, first.remedy if first.remedy != "correct it" else ""
    wrong = first.message.rpartition(": ")[2]
    if not said and wrong.startswith(SHOULD_BE):
        said = wrong.removeprefix(SHOULD_BE)
    elif not said:
        said = f"{WANTED.get(pointer.rpartition('/')[2], 'another value')} (here: {wrong})"
    return Unreadable(UnreadableReason.WRONG_TYPE, pointer, "; ".join(filter(None, (said, remedy))))


def _wrong(pointer: str, expected: str) -> Unreadable:
    return Unreadable(UnreadableReason.WRONG_TYPE, pointer, expected)
