"""Which events a subscriber wants: by kind, code, tenant and severity. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches

from tocsin.connectors.subscribe.received import codes_of, severity_of
from tocsin.schemas.events import EVENTS, EventBase
from tocsin.schemas.problem import Severity

PUBLIC: Mapping[str, tuple[type, ...]] = {
    topic: tuple(kind for kind in EVENTS.values() if kind.__module__ == f"tocsin.schemas.events.{topic}")
    for topic in ("problems", "escalations", "answers")
}
"""The topics that may be subscribed to (docs/architecture.md#topics), and the kinds of events on each."""

Words = str | Iterable[str]


class Wanted:
    """A filter. Each part that is given must fit; within a part one of its values. An event of which nothing is known
    in a part that is given does not fit: most of those that are not ProblemOpened or ProblemRepeated have no code."""

    def __init__(
        self,
        *,
        kinds: type | str | Iterable[type | str] = (),
        codes: Words = (),
        tenants: Words = (),
        severities: Words = (),
        topics: Words = (),
    ) -> None:
        """`kinds` are classes of events or their names, `codes` begin with whole tokens (`e.p.xfer` fits
        `e.p.xfer.cant-use-endpoint`), as in the rules file. Without `topics` those of the kinds, else `problems`.
        Raises ValueError naming what there is not."""
        known = {kind.__name__: topic for topic, kinds_of in PUBLIC.items() for kind in kinds_of}
        self._kinds = frozenset(_known("kind", name, known) for name in map(_name_of, _each(kinds)))
        self._codes = tuple(map(_folded, _each(codes)))
        self._tenants = frozenset(_each(tenants))
        self._severities = frozenset(
            _known("severity", name, [one.value for one in Severity]) for name in _each(severities)
        )
        told = dict.fromkeys(_known("topic", topic, PUBLIC) for topic in _each(topics))
        self.topics = tuple(told or dict.fromkeys(known[name] for name in sorted(self._kinds)) or ("problems",))

    def wants(self, event: EventBase) -> bool:
        """Whether the event is wanted. Total."""
        if self._kinds and type(event).__name__ not in self._kinds:
            return False
        if self._tenants and event.tenant not in self._tenants:
            return False
        if self._severities and severity_of(event) not in self._severities:
            return False
        return not self._codes or any(_begins(code, self._codes) for code in map(_folded, codes_of(event)))


def _begins(code: str, prefixes: tuple[str, ...]) -> bool:
    from tocsin.connectors.dialects.codes import has_token_prefix

    return any(has_token_prefix(code, prefix) for prefix in prefixes)


def _folded(code: str) -> str:
    from tocsin.connectors.dialects.codes import fold_code  # not at the top: it takes the dialects along

    return fold_code(code)


def _each(given: object) -> list[str]:
    """The values of what may be one value; a text is one and not its letters."""
    found = [given] if isinstance(given, str | type) else list(given)  # type: ignore[call-overload]
    return [_filled(one) for one in found]


def _filled(one: object) -> str:
    if not isinstance(one, str | type) or one == "":
        raise ValueError(f"{one!r} is no value to filter by: a text that is not empty is expected")
    return one  # type: ignore[return-value]


def _name_of(kind: object) -> str:
    return kind.__name__ if isinstance(kind, type) else str(kind)


def _known(what: str, name: str, there: Iterable[str]) -> str:
    names = sorted(there)
    if name in names:
        return name
    guess = get_close_matches(name, names, 1)
    meant = f" (did you mean {guess[0]}?)" if guess else ""
    raise ValueError(f"there is no {what} {name!r}{meant}; there are {', '.join(names)}")
