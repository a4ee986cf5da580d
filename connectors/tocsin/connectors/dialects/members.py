"""The members of foreign objects: taken by name (`Members`), or sorted into the slots of DIDComm v1 (`Known`).

What has the wrong type is flagged and kept, never a failure. Names are folded (case, `-`, `_`) for known names only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct

from tocsin.connectors.dialects.json_text import json_text
from tocsin.connectors.dialects.reading import Unreadable, UnreadableReason
from tocsin.schemas.problem import Violation

MAX_ID_LENGTH = 255
"""Thread and message ids become keys of rows: longer ones are refused (docs/reliability.md#limits)."""
L10N = "~l10n"
"""The decorator that says more of a text: language, code, translations (RFC 0043). On a member: `<member>~l10n`."""
TEXTS = ("description", "friendly-ltxt", "explain", "explain-ltxt", "comment")
"""The slots in which a report's text has been found."""

_SLOTS = {
    name: name
    for name in (
        *("@type", "@id", "@msg_catalog", L10N, "problem-code", "problem-items", "who-retries", "fix-hint"),
        *("impact", "where", "noticed-time", "tracking-uri", "escalation-uri", *TEXTS),
    )
}
_SLOTS |= {"~thread": "thread", "@thread": "thread", "time-noticed": "noticed-time", "fix-hint-ltxt": "fix-hint"}
_OF_V2 = {
    "type": "@type", "id": "@id", "thid": "thid", "pthid": "pthid", "from": "from", "to": "to",
    "created-time": "noticed-time",
}  # fmt: skip
"""Members of DIDComm v2 messages that are found in v1 messages, and their slots."""
_SLOTS |= _OF_V2
_SLOTS |= {f"{name}{L10N}": f"{slot}{L10N}" for name, slot in _SLOTS.items() if slot in (*TEXTS, "fix-hint")}


MAX_KEPT_NAME = 64
MAX_KEPT_NAMES = 4096
"""How long the names are, in characters, and how many of them, whose folded form is remembered."""


class _Folded(dict[str, str]):
    """Folded names by name, since the same few hundred come again and again: short ones, and no more than so many."""

    def __missing__(self, name: str) -> str:
        folded = name.replace("-", "").replace("_", "").casefold()
        if len(name) <= MAX_KEPT_NAME:
            if len(self) >= MAX_KEPT_NAMES:
                self.clear()
            self[name] = folded
        return folded


FOLDED = _Folded()
"""What `fold` remembers."""


def fold(name: str) -> str:
    """A name without what implementations disagree on."""
    return FOLDED[name]


def folded_names(members: Iterable[str]) -> set[str]:
    """All names, folded."""
    return {*map(FOLDED.__getitem__, members)}


def escape(name: str) -> str:
    """A member's name as one step of an RFC 6901 pointer."""
    return name.replace("~", "~0").replace("/", "~1")


_SLOT_OF = {fold(name): slot for name, slot in _SLOTS.items()} | {
    spelling: slot for name, slot in _SLOTS.items() for spelling in (name, name.replace("-", "_"))
}


_SLOT_OF_V2 = {fold(name): slot for name, slot in _OF_V2.items()}


class Members:
    """The members of one JSON object at `at`. Each `take_*` removes a member; what is `left` at the end is unknown,
    or has another type than asked for (flagged): both become extensions, so that nothing is lost.

    Names are found by folding case, `-` and `_` (docs/requirements.md#b1-1), for asked names only; another spelling is
    flagged. A null member counts as absent.
    """

    def __init__(self, document: Mapping[str, object], violations: list[Violation], at: str = "") -> None:
        self.left = dict(document)
        self.at = at
        self.violations = violations
        self._spellings: dict[str, str] | None = None

    def flag(self, rule: str, name: str | None = None) -> None:
        """Note that the document breaks `rule` at the member `name` (or as a whole)."""
        pointer = self.at if name is None else f"{self.at}/{escape(name)}"
        self.violations.append(Violation(rule=rule, pointer=pointer))

    def take(self, name: str) -> object:
        """The raw value of a member, None if absent."""
        return self._take(name)[1]

    def refuse(self, rule: str, name: str, value: object) -> None:
        """Flag the member `name`, as it is spelt, and put its `value` back."""
        self.left[name] = value
        self.flag(rule, name)

    def _take(self, name: str) -> tuple[str, object]:
        """The spelling and the raw value."""
        if name in self.left:
            return name, self.left.pop(name)
        spelling = self._other_spelling(name)
        if spelling is None:
            return name, None
        value = self.left.pop(spelling, None)
        if spelling != name:
            self.flag("member-spelling", spelling)
        return spelling, value

    def _other_spelling(self, name: str) -> str | None:
        if not self.left:
            return None
        if self._spellings is None:
            self._spellings = {FOLDED[each]: each for each in reversed(self.left)}
        return self._spellings.get(FOLDED[name])

    def take_text(self, name: str) -> str | None:
        """A string member; a value of any other type is flagged and left."""
        if isinstance(self.left.get(name), str):
            return self.left.pop(name)  # type: ignore[return-value]
        spelling, value = self._take(name)
        if value is None or isinstance(value, str):
            return value
        self.refuse("not-a-string", spelling, value)
        return None

    def take_said(self, name: str) -> str | None:
        """A member that should be a string; of any other value the JSON text, flagged."""
        spelling, value = self._take(name)
        if value is None or isinstance(value, str):
            return value
        self.flag("not-a-string", spelling)
        return json_text(value)

    def take_id(self, name: str) -> str | None:
        """A string member that names a message or thread; empty counts as absent, and what names nothing is flagged
        and kept. Raises Unreadable(too_long)."""
        value = self.take_text(name)
        if value is not None and len(value) > MAX_ID_LENGTH:
            raise Unreadable(UnreadableReason.TOO_LONG, f"{self.at}/{name}", f"at most {MAX_ID_LENGTH} characters")
        if value and names_nothing(value):
            self.refuse("id-names-nothing", name, value)
            return None
        return value or None

    def take_texts(self, name: str) -> list[str]:
        """A member that is a list of strings; a single string counts as a list of one, and is flagged.

        A list with other elements is flagged, and left whole.
        """
        spelling, value = self._take(name)
        if value is None:
            return []
        if isinstance(value, str):
            self.flag("not-a-list", spelling)
            return [value]
        if not isinstance(value, list):
            self.refuse("not-a-list", spelling, value)
            return []
        texts = [item for item in value if isinstance(item, str)]
        if len(texts) < len(value):
            self.refuse("not-a-string", spelling, value)
        return texts


class Known(Struct, frozen=True):
    """A document's members by slot, `spelt` as they were; `rest` is what no slot takes, to become extensions."""

    slots: dict[str, object]
    spelt: dict[str, str]
    rest: dict[str, object]
    violations: list[Violation]

    def flag(self, rule: str, slot: str, inner: str | None = None) -> None:
        """Note that the member in `slot` (or its `inner` member) breaks `rule`."""
        pointer = f"/{escape(self.spelt.get(slot, slot))}"
        self.violations.append(Violation(rule=rule, pointer=pointer if inner is None else f"{pointer}/{escape(inner)}"))

    def refuse(self, rule: str, slot: str) -> None:
        """Flag the member in `slot` and keep it whole as an extension."""
        self.flag(rule, slot)
        self.rest[self.spelt[slot]] = self.slots[slot]

    def text(self, slot: str) -> str | None:
        """The string in `slot`; any other type is flagged and kept as an extension."""
        value = self.slots.get(slot)
        if value is None or isinstance(value, str):
            return value
        self.refuse("not-a-string", slot)
        return None


def sort_members(document: Mapping[str, object], own: frozenset[str]) -> Known:
    """The members by slot. A spelling that is not one of the dialect's `own` is flagged; of two spellings of one slot
    its own wins, else the first. Null and empty members count as absent (HIPE: "omit the others")."""
    known = Known({}, {}, {}, [])
    for name, value in document.items():
        slot = _SLOT_OF.get(name) or _SLOT_OF.get(fold(name))
        if slot is None:
            known.rest[name] = value
        elif not value and value in (None, "", [], {}):
            continue
        elif slot not in known.slots:
            known.slots[slot], known.spelt[slot] = value, name
        elif name in own and known.spelt[slot] not in own:
            known.rest[known.spelt[slot]] = known.slots[slot]
            known.slots[slot], known.spelt[slot] = value, name
        else:
            known.rest[name] = value
    if not own.issuperset(known.spelt.values()):
        for slot, name in known.spelt.items():
            if name not in own:
                known.flag("member-of-didcomm-v2" if _SLOT_OF_V2.get(fold(name)) == slot else "member-spelling", slot)
    return known


def as_extensions(*groups: tuple[str, Mapping[str, object]]) -> dict[str, str]:
    """The unknown members as `Problem.extensions`: (prefix of the names, members) each; values become JSON text."""
    return {f"{prefix}{name}": json_text(value) for prefix, members in groups for name, value in members.items()}


def names_nothing(ident: str) -> bool:
    """Whether an id has no letter and no digit: mediators that could not read a message say `?` for its id. As an id it
    would make one thread of all of them."""
    return not any(letter.isalnum() for letter in ident)


def usable_id(ident: str | None) -> str | None:
    """The id, unless it names nothing: so that none is written that no reader takes."""
    return None if ident is None or names_nothing(ident) else ident


def distinct(ids: Iterable[str | None]) -> list[str]:
    """The ids that are there, each once, in order."""
    return list(dict.fromkeys(filter(None, ids)))
