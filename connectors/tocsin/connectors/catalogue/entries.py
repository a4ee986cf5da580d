"""What the data files of the catalogue hold: the shape that `msgspec` checks when they are read."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct, field

from tocsin.schemas.problem import Severity


class Form(StrEnum):
    """How a code in hand is compared with an entry's code: `code` = whole tokens from the start; `descriptor` = the
    same, but whatever the sorter and scope are (DIDComm v2); `family` = words of a CamelCase name from the start
    (DwnErrorCode); `exact` = only this very code."""

    CODE = "code"
    DESCRIPTOR = "descriptor"
    FAMILY = "family"
    EXACT = "exact"


class Fixer(StrEnum):
    """Who can put it right: who sent the report, who gets it, both, or nobody needs to. Never "you" or "me", which a
    copy on a bus cannot tell (docs/requirements.md#b1-8)."""

    REPORTER = "reporter"
    RECIPIENT = "recipient"
    BOTH = "both"
    NONE = "none"


class Retry(StrEnum):
    """Whether to try again: never; once it is put right; later, with growing pauses; in a new thread; or only after a
    look whether it succeeded (a DWN's 409 after a lost answer, docs/requirements.md#b4-5)."""

    NEVER = "never"
    AFTER_FIX = "after-fix"
    LATER = "later"
    ANEW = "anew"
    CHECK_FIRST = "check-first"


class Wording(Struct, frozen=True, forbid_unknown_fields=True):
    """The texts of one entry in one language."""

    title: str
    explanation: str


class Entry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One well-known code. `severity` is the default, where the report does not say; `hint` names a text of the advice;
    `where` is the place in the source; `texts` is by language; `file` is not in the file but its name."""

    code: str
    form: Form
    severity: Severity
    category: str | None
    fixer: Fixer
    retry: Retry
    hint: str
    where: str
    texts: dict[str, Wording]
    aliases: list[str] = field(default_factory=list)
    file: str = ""


class SourceFile(Struct, frozen=True, forbid_unknown_fields=True):
    """One file of `codes/`: where its codes are defined, and the codes. With `protocols` (names such as
    `issue-credential`) the codes are those of these protocols only; what another one calls the same is something
    else."""

    source: str
    address: str
    codes: list[Entry]
    protocols: list[str] = field(default_factory=list)


class Advice(Struct, frozen=True, forbid_unknown_fields=True):
    """Texts that many codes share, each by name and then by language."""

    fixers: dict[str, dict[str, str]]
    retries: dict[str, dict[str, str]]
    hints: dict[str, dict[str, str]]


class Texts(Struct, frozen=True, kw_only=True):
    """All that can be said of a code in one language."""

    language: str
    title: str
    explanation: str
    fixer: str
    retry: str
    fix_hint: str
