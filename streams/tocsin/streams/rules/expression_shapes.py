"""How much the values weigh at most that an expression sees: the problem, its thread and its tenant."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import msgspec
from msgspec import Struct

from tocsin.schemas.events import ThreadContext
from tocsin.schemas.problem import Problem
from tocsin.streams.rules.facts import CLIP, MAX_LISTED

CHARACTERS = 64
"""Characters of a text that weigh one unit."""


class Shape(Struct, frozen=True):
    """The bounds of a value: its weight in units, `count` entries when a macro goes through it (None: as many as it
    weighs). `members` are those of a struct, `item` is an entry of a list or a key of a mapping, `value` a value of it;
    `known` is False for what was worked out, of which only the weight is known. `optional`: it may be null."""

    weight: int = 1
    count: int | None = None
    members: Mapping[str, Shape] | None = None
    item: Shape | None = None
    value: Shape | None = None
    known: bool = False
    optional: bool = False


_NUMBER = Shape(known=True)
_TEXT = Shape(1 + CLIP // CHARACTERS, known=True)


@cache
def roots() -> Mapping[str, Shape]:
    """The names that an expression begins with, and what they stand for."""
    inspected = msgspec.inspect.type_info
    return {"problem": _shape(inspected(Problem)), "thread": _shape(inspected(ThreadContext)), "tenant": _TEXT}


def _shape(kind: msgspec.inspect.Type) -> Shape:
    """The bounds of a value of a declared type, as `Facts.document` cuts it."""
    match kind:
        case msgspec.inspect.UnionType():
            one = [each for each in kind.types if not isinstance(each, msgspec.inspect.NoneType)]
            shape = _shape(one[0]) if len(one) == 1 else Shape(_TEXT.weight)
            return msgspec.structs.replace(shape, optional=True)
        case msgspec.inspect.StructType():
            members = {each.encode_name: _shape(each.type) for each in kind.fields}
            return Shape(1 + sum(1 + one.weight for one in members.values()), len(members), members, _TEXT, known=True)
        case msgspec.inspect.ListType():
            item = _shape(kind.item_type)
            return Shape(1 + MAX_LISTED * item.weight, MAX_LISTED, item=item, known=True)
        case msgspec.inspect.DictType():
            value = _shape(kind.value_type)
            weight = 1 + MAX_LISTED * (_TEXT.weight + value.weight)
            return Shape(weight, MAX_LISTED, item=_TEXT, value=value, known=True)
        case msgspec.inspect.StrType() | msgspec.inspect.EnumType():
            return _TEXT
    return _NUMBER
