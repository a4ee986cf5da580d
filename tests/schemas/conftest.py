"""Teaches hypothesis our models: `st.from_type(Model)` makes any value that the schema can carry."""

from __future__ import annotations

import typing
from enum import Enum
from types import UnionType
from typing import Any

import msgspec
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from tocsin.schemas.events import EVENTS

settings.register_profile("tocsin", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tocsin")


def _values(hint: Any) -> st.SearchStrategy[Any]:
    arguments = typing.get_args(hint)
    match typing.get_origin(hint):
        case None if hint is int:
            return st.integers(-(2**63), 2**63 - 1)
        case None if isinstance(hint, type) and issubclass(hint, Enum):
            return st.sampled_from(hint)
        case None if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
            hints = typing.get_type_hints(hint)
            return st.builds(hint, **{name: _values(of) for name, of in hints.items()})
        case origin if origin is list:
            return st.lists(_values(arguments[0]), max_size=3)
        case origin if origin is dict:
            return st.dictionaries(_values(arguments[0]), _values(arguments[1]), max_size=3)
        case origin if origin in (UnionType, typing.Union):
            return st.one_of([_values(argument) for argument in arguments])
        case _:
            return st.from_type(hint)


for _event in EVENTS.values():
    st.register_type_strategy(_event, _values(_event))
