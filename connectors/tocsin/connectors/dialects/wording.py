"""The text of a DIDComm v1 problem report: code, languages and plain text, in each of the forms that are in use.

A map `{"code": ..., "en": ...}` (RFC 0035 field reference, HIPE `*-ltxt`), or a string whose field decorator `~l10n`
holds code and translations (RFC 0035 sample, RFC 0043). A language is only what is stated as one
(docs/requirements.md#b1-14).
"""

from __future__ import annotations

import re

from msgspec import Struct, field

from tocsin.connectors.dialects.members import L10N, Known

UNDETERMINED = "und"
"""The language tag of a text whose language is not stated (BCP 47, section 4.1)."""
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{1,8})*")


class Wording(Struct):
    """What has been read so far. `code_slot` and `text_slot` are where code and text stood."""

    code: str | None = None
    code_slot: str | None = None
    text: str | None = None
    text_slot: str | None = None
    localized: dict[str, str] = field(default_factory=dict)


def is_language(tag: str) -> bool:
    """Whether a text's key can be a language tag (its form is checked, not its registration)."""
    return tag != "code" and _LANGUAGE.fullmatch(tag) is not None


def read_wording(known: Known, order: tuple[str, ...]) -> Wording:
    """Code and text from the slots in `order`: the first code wins; the first text wins, with its translations, and
    texts after it are kept whole as extensions."""
    wording = Wording()
    for slot in order:
        if slot in known.slots or f"{slot}{L10N}" in known.slots:
            _read_member(known, slot, wording)
    code = known.text("problem-code")
    if wording.code is None and code is None:
        wording.code, wording.code_slot = _message_code(known)
    elif wording.code is None:
        wording.code, wording.code_slot = code, "problem-code"
    elif code is not None and code != wording.code:
        known.rest[known.spelt["problem-code"]] = code
    return wording


def read_languages(known: Known, slot: str) -> dict[str, str]:
    """The texts in `slot` by language (the fix hint); a text whose language is not stated has the tag `und`."""
    value = known.slots.get(slot)
    if value is None and f"{slot}{L10N}" not in known.slots:
        return {}
    found = Wording()
    _read_value(known, slot, value, found)
    _read_decorator(known, slot, found)
    if found.code is not None:
        known.rest[f"{known.spelt.get(slot, slot)}.code"] = found.code
    if found.text is not None and found.text not in found.localized.values():
        return {UNDETERMINED: found.text} | found.localized
    return found.localized


def _read_member(known: Known, slot: str, wording: Wording) -> None:
    value, found = known.slots.get(slot), Wording()
    _read_value(known, slot, value, found)
    _read_decorator(known, slot, found)
    if found.code is not None:
        if wording.code is None:
            wording.code, wording.code_slot = found.code, slot
        elif wording.code != found.code:
            known.rest[f"{slot}.code"] = found.code
    if wording.text is None and (found.text is not None or found.localized):
        wording.text = found.text if found.text is not None else _shown(found.localized)
        wording.text_slot, wording.localized = slot, found.localized
    elif found.text is not None or found.localized:
        for each in (slot, f"{slot}{L10N}"):
            if each in known.slots:
                known.rest[known.spelt[each]] = known.slots[each]


def _read_value(known: Known, slot: str, value: object, found: Wording) -> None:
    if isinstance(value, str):
        found.text = value
    elif isinstance(value, dict):
        _read_map(known, slot, value, found)
    elif value is not None:
        known.refuse("not-a-string", slot)


def _read_map(known: Known, slot: str, texts: dict[str, object], found: Wording) -> None:
    other = None
    for key, value in texts.items():
        if value is None or value == "":
            continue
        if key == "code" or (key.casefold() == "code" and "code" not in texts):
            if key != "code":
                known.flag("member-spelling", slot, key)
            found.code = _code(known, slot, value)
        elif not isinstance(value, str):
            known.flag("not-a-string", slot, key)
            known.rest[f"{known.spelt[slot]}.{key}"] = value
        elif key == UNDETERMINED:
            found.text = value
        elif is_language(key):
            found.localized[key] = value
        else:
            known.flag("not-a-language", slot, key)
            known.rest[f"{known.spelt[slot]}.{key}"] = value
            other = other or value
    if found.text is None and not found.localized:
        found.text = other


def _code(known: Known, slot: str, value: object) -> str | None:
    if isinstance(value, str):
        return value
    known.flag("not-a-string", slot, "code")
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    known.rest[f"{known.spelt[slot]}.code"] = value
    return None


def _read_decorator(known: Known, slot: str, found: Wording) -> None:
    """What `<member>~l10n` adds to a member's text, and the language that the message's own `~l10n` states for it."""
    name = f"{slot}{L10N}"
    decorator = known.slots.get(name)
    locale = None
    if isinstance(decorator, dict):
        for key, value in decorator.items():
            if key == "code" and value and found.code in (None, value):
                found.code = _code(known, name, value)
            elif key == "locale" and isinstance(value, str):
                locale = value
            elif isinstance(value, str) and is_language(key):
                found.localized.setdefault(key, value)
            else:
                known.rest[f"{known.spelt[name]}.{key}"] = value
    elif decorator is not None:
        known.refuse("not-an-object", name)
    if isinstance(known.slots.get(slot), str) and found.text is not None:
        locale = locale or _message_locale(known)
        if locale is not None and is_language(locale):
            found.localized = {locale: found.text} | found.localized


def _message_code(known: Known) -> tuple[str | None, str | None]:
    """The code that the message's own `~l10n` holds, where no member has one, and its slot."""
    decorator = known.slots.get(L10N)
    code = decorator.get("code") if isinstance(decorator, dict) else None
    return (code, L10N) if isinstance(code, str) and code else (None, None)


def _message_locale(known: Known) -> str | None:
    decorator = known.slots.get(L10N)
    locale = decorator.get("locale") if isinstance(decorator, dict) else None
    return locale if isinstance(locale, str) else None


def _shown(localized: dict[str, str]) -> str:
    """The text to show when none is plain: the English one, else the first."""
    return localized.get("en") or next(iter(localized.values()))
