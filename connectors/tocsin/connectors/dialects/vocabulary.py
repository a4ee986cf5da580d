"""The member names of DIDComm v1 problem reports, which every implementation spells in its own way.

Names are folded (case, `-`, `_`) for known names only (REQUIREMENTS b.1 1): each known member has one slot here,
whatever its spelling; all other members stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from tocsin.connectors.dialects.members import escape
from tocsin.schemas.problem import Violation

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
_SLOTS |= {f"{name}{L10N}": f"{slot}{L10N}" for name, slot in _SLOTS.items() if slot in (*TEXTS, "fix-hint")}


def fold(name: str) -> str:
    """A name without what implementations disagree on."""
    return name.replace("-", "").replace("_", "").casefold()


_SLOT_OF = {fold(name): slot for name, slot in _SLOTS.items()} | {
    spelling: slot for name, slot in _SLOTS.items() for spelling in (name, name.replace("-", "_"))
}


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
        elif value is None or value in ("", [], {}):
            continue
        elif slot not in known.slots:
            known.slots[slot], known.spelt[slot] = value, name
        elif name in own and known.spelt[slot] not in own:
            known.rest[known.spelt[slot]] = known.slots[slot]
            known.slots[slot], known.spelt[slot] = value, name
        else:
            known.rest[name] = value
    for slot, name in known.spelt.items():
        if name not in own:
            known.flag("member-spelling", slot)
    return known
