"""DIDComm v2 problem codes: sorter, scope, descriptors (DIDComm v2 "Problem Codes"; docs/requirements.md#b1-2).

A code is kept verbatim; `fold_code` is what is compared. Reading is lenient (`parse_code` takes any text and lists the
rules it breaks); `read_code` is for a bare code, where a text that breaks the grammar is refused.
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache

from msgspec import Struct

from tocsin.connectors.dialects.reading import Unreadable, UnreadableReason
from tocsin.schemas.problem import Severity

MAX_CODE_LENGTH = 1024
"""Longer codes are refused whatever the dialect (a `type` URI may be long; nothing real is longer than this)."""
CONFORMANT_LENGTH = 128
CONFORMANT_TOKENS = 16
"""A v2 code beyond either is read and flagged (docs/reliability.md#limits)."""

SEVERITIES = {"e": Severity.ERROR, "w": Severity.WARNING}
"""The sorter: the first token."""
SCOPES = {"p": "protocol", "m": "message"}
"""The scope: the second token. Any other name is the state to go back to, written `state:<name>`."""
DESCRIPTORS = (
    "trust", "trust.crypto", "xfer", "did", "msg", "me", "me.res", "me.res.net", "me.res.memory", "me.res.storage",
    "me.res.compute", "me.res.money", "req", "req.time", "legal",
)  # fmt: skip
"""The descriptors that DIDComm v2 defines; a category is the longest of them that a code's descriptors begin with."""
CATEGORY_OF_FIRST = {"crypto": "trust.crypto", "cryto": "trust.crypto", "error": "me"}
"""First descriptors in real use outside the specification, and the category they mean (docs/requirements.md#b1-20)."""
CATEGORY_OF_ANY = {
    "not-enroll": "req",
    "not-enrolled": "req",
    "live-mode-not-supported": "req",
    "live-delivery-not-supported": "req",
}
"""Descriptors that settle the category wherever they stand: the mediator writes `req.not_enroll`, its own proposal
`me.res.not_enroll` (docs/requirements.md#b1-23)."""
CATEGORY_OF_CODE = {"e.p.msg": "trust.crypto"}
"""Whole codes (as keys) whose category differs from what the tokens say: the mediator's answer to what it cannot
decrypt (docs/requirements.md#b1-21)."""
PREFERRED_DESCRIPTORS = {
    "crypto": "trust.crypto",
    "crypto.replay": "crypto.message.dejavu",
    "cryto.dejavu": "crypto.message.dejavu",
    "error": "me",
    "live-delivery-not-supported": "live-mode-not-supported",
    "me.res.not-enroll": "req.not-enroll",
}
"""Descriptors that were written for the same problem, and those that are really sent (docs/requirements.md#b1-20)."""

VERSION_WARNINGS = frozenset({"fields-ignored-due-to-version-mismatch", "version-with-degraded-features"})
"""Warnings about a minor version, as keys: RFC 0003 deprecates them, they "arrive late" (docs/requirements.md#r12)."""

_TOKEN = re.compile(r"[a-z0-9]+(?:-+[a-z0-9]+)*")
_CONFORMANT = re.compile(r"[ew](?:\.[a-z0-9]++(?:-++[a-z0-9]++)*+){2,15}")
"""A code, no longer than CONFORMANT_LENGTH, that breaks no rule: most that are written on purpose."""
_KEBAB = re.compile(r"(?:T)?+(?:\.(?:T)?+)*+".replace("T", r"-*+[a-z0-9]++(?:-++[a-z0-9]++)*+-*+"))
"""Tokens between dots, empty ones and hyphens around them allowed, which are flagged by themselves."""
_FATAL = frozenset(
    {
        *("code-sorter", "code-too-few-tokens", "code-empty-token", "code-not-lower-case", "code-hyphen-at-edge"),
        "code-whitespace",
    }
)
_DESCRIPTORS = frozenset(DESCRIPTORS)
_ROOTS = frozenset(name.partition(".")[0] for name in DESCRIPTORS)


class Code(Struct, frozen=True, kw_only=True):
    """A code taken apart. `scope` is message, protocol, state:<name> or None (not stated); `stated_scope` is the second
    token as it stands; `violations` name the grammar rules that it breaks."""

    text: str
    key: str
    severity: Severity
    scope: str | None
    stated_scope: str | None
    descriptors: tuple[str, ...]
    category: str | None
    violations: tuple[str, ...]


def fold_code(code: str) -> str:
    """A code in the spelling that is compared: case folded, `_` as `-`, trimmed."""
    return _fold(code) if len(code) <= MAX_CODE_LENGTH else _fold.__wrapped__(code)


@lru_cache(maxsize=4096)  # every problem asks several times, and only codes of bounded length are kept
def _fold(code: str) -> str:
    return code.strip().casefold().replace("_", "-")


def has_token_prefix(code: str, prefix: str) -> bool:
    """Whether the dotted `code` starts with all tokens of `prefix`, both folded: `e.p.xfer` fits `e.p.xfer.x`, not
    `e.p.xferx`. An empty prefix fits none."""
    return bool(prefix) and code.startswith(prefix) and (len(code) == len(prefix) or code[len(prefix)] == ".")


def parse_code(text: str) -> Code:
    """Any text as a code; total. If it does not begin `e.` or `w.`, or what follows can be no token ("E. it broke"), it
    is opaque: no scope, and an error unless it begins `w.` (docs/requirements.md#b1-5)."""
    return _parse(text) if len(text) <= CONFORMANT_LENGTH else _parse.__wrapped__(text)


@lru_cache(maxsize=4096)  # the same codes come again and again, and each is asked for by several
def _parse(text: str) -> Code:
    key = fold_code(text)
    stripped = text.strip()
    tokens = stripped.split(".")
    folded = key.split(".")
    violations = _violations(text, stripped, tokens)
    severity = Severity.WARNING if key.startswith("w.") else Severity.ERROR
    if folded[0] not in SEVERITIES or len(folded) < 2 or not _TOKEN.fullmatch(folded[1].strip("-")):
        return Code(
            text=text, key=key, severity=severity, scope=None, stated_scope=None, descriptors=(),
            category=None, violations=violations,
        )  # fmt: skip
    unstated = folded[1] in _ROOTS
    if unstated:
        violations = (*violations, "code-scope-missing")
    first = 1 if unstated else 2
    return Code(
        text=text,
        key=key,
        severity=severity,
        scope=None if unstated else SCOPES.get(folded[1], f"state:{tokens[1]}"),
        stated_scope=tokens[1],
        descriptors=tuple(tokens[first:]),
        category=_category(key, folded[first:]),
        violations=violations,
    )


def read_code(text: str) -> Code:
    """A bare code. Raises Unreadable(bad_code) for what is none: another sorter, no scope, an empty token, capitals,
    white space around it, a token that begins or ends with a hyphen. An underscore, a URI as a token and a code without
    descriptors are in real use: read and flagged."""
    code = parse_code(text)
    if _FATAL.intersection(code.violations):
        raise Unreadable(UnreadableReason.BAD_CODE, expected="sorter.scope.descriptors in lower kebab-case")
    if len(text) > MAX_CODE_LENGTH:
        raise Unreadable(UnreadableReason.TOO_LONG, expected=f"at most {MAX_CODE_LENGTH} characters")
    return code


def matches_prefix(code: str, prefix: str) -> bool:
    """Whether `code` begins with the whole tokens of `prefix`, however both are spelt; an empty prefix fits none."""
    return has_token_prefix(fold_code(code), fold_code(prefix))


class Promotion(StrEnum):
    """Whether a reply may turn a warning into an error, or the rule that it would break (DIDComm v2 "Replying to
    Warnings"; docs/requirements.md#c9)."""

    ALLOWED = "allowed"
    NOT_A_WARNING = "not-a-warning"
    STILL_A_WARNING = "still-a-warning"
    NO_SCOPE = "no-scope"
    NARROWER_SCOPE = "narrower-scope"


def promotion(warning: str, reply: str) -> Promotion:
    """Judges `reply` to `warning`: only a warning is promoted, only by an error, never to a narrower scope, where
    message < state < protocol; a scope that is not stated counts as the whole protocol."""
    first, second = parse_code(warning), parse_code(reply)
    if first.severity is not Severity.WARNING:
        return Promotion.NOT_A_WARNING
    if second.severity is not Severity.ERROR:
        return Promotion.STILL_A_WARNING
    if not second.stated_scope:
        return Promotion.NO_SCOPE
    if _breadth(second.scope) < _breadth(first.scope):
        return Promotion.NARROWER_SCOPE
    return Promotion.ALLOWED


def escalation_allowed(warning: str, reply: str) -> bool:
    """Whether `promotion` has nothing against `reply`."""
    return promotion(warning, reply) is Promotion.ALLOWED


class Consequence(StrEnum):
    """What becomes of the protocol in which a code was reported."""

    FLOW_CONTINUES = "flow-continues"
    PROTOCOL_ENDS = "protocol-ends"


def consequence_of_unknown(code: str) -> Consequence:
    """What a code that the receiver does not know does: one that begins `w.` is a warning and the flow continues; any
    other, whatever its dialect, ends the active protocol (RFC 0035; docs/requirements.md#r8)."""
    return Consequence.FLOW_CONTINUES if fold_code(code).startswith("w.") else Consequence.PROTOCOL_ENDS


def quiet_by_default(code: str) -> bool:
    """Whether a code is to be ignored quietly unless somebody asked for it: the deprecated warnings of a version
    mismatch (RFC 0003; docs/requirements.md#b1-38)."""
    return fold_code(code) in VERSION_WARNINGS


def _breadth(scope: str | None) -> int:
    return {"message": 0, "protocol": 2, None: 2}.get(scope, 1)


def _category(key: str, descriptors: list[str]) -> str | None:
    if key in CATEGORY_OF_CODE:
        return CATEGORY_OF_CODE[key]
    for name in descriptors:
        if name in CATEGORY_OF_ANY:
            return CATEGORY_OF_ANY[name]
    for length in range(len(descriptors), 0, -1):
        name = ".".join(descriptors[:length])
        if name in _DESCRIPTORS:
            return name
    return CATEGORY_OF_FIRST.get(descriptors[0]) if descriptors else None


def _violations(text: str, stripped: str, tokens: list[str]) -> tuple[str, ...]:
    if len(text) <= CONFORMANT_LENGTH and _CONFORMANT.fullmatch(text):
        return ()
    lower, dotted = stripped.lower(), f".{stripped}."
    rules = {
        "code-sorter": tokens[0] not in SEVERITIES,
        "code-whitespace": text != stripped,
        "code-too-few-tokens": len(tokens) < 2,
        "code-descriptor-missing": len(tokens) == 2,
        "code-empty-token": "" in tokens,
        "code-not-lower-case": stripped != lower,
        "code-hyphen-at-edge": ".-" in dotted or "-." in dotted,
        "code-not-kebab-case": not _KEBAB.fullmatch(lower),
        "code-too-long": len(text) > CONFORMANT_LENGTH,
        "code-too-many-tokens": len(tokens) > CONFORMANT_TOKENS,
    }
    return tuple(rule for rule, broken in rules.items() if broken)
