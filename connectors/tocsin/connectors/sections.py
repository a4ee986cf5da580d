"""Sections of the rules file: frozen structs that code reads, and pydantic models that check them when a file is read.

A setting is declared once, as a field of a struct: its type, its bounds (`msgspec.Meta`) and its meaning (a string) in
`Annotated`, its name in the file where that differs (`msgspec.field(name=...)`), its default. `file_model` makes the
pydantic model of it. Code that constructs the struct itself is not checked.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Annotated, Any, Self, get_args, get_origin

import msgspec
from msgspec import NODEFAULT, Meta, Struct
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    PlainSerializer,
    StringConstraints,
    create_model,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

NOT_IN_FILE = object()
"""Marks a field, in `Annotated`, that a file does not give."""

Text = Annotated[str, StringConstraints(min_length=1, max_length=2048)]


class Strict(BaseModel):
    """Unknown keys are refused, nothing is converted, and no value shows in an error: it may be secret."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


class Section(Struct, frozen=True, kw_only=True):
    """A struct that pydantic takes as a type: it is read from a mapping by its `file_model`."""

    def checked(self) -> Self:
        """Itself; raises ValueError, or what `unfit` makes, for values that do not go together in a file."""
        return self

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def section_of(found: BaseModel) -> Section:
            return cls(**{name: getattr(found, name) for name in type(found).model_fields}).checked()

        return core_schema.no_info_after_validator_function(section_of, handler.generate_schema(file_model(cls)))


class _FromStruct(Strict):
    model_config = ConfigDict(defer_build=True)  # a struct may hold structs of its own kind

    @model_validator(mode="before")
    @classmethod
    def _without_empty_keys(cls, given: Any) -> Any:
        """A key without a value is as if it were not there, where a default stands for it."""
        if not isinstance(given, dict):
            return given
        kept = {field.alias or name for name, field in cls.model_fields.items() if not _may_be_empty(field)}
        return {key: value for key, value in given.items() if value is not None or key in kept}


def _may_be_empty(field: FieldInfo) -> bool:
    return not field.is_required() and _is_plain(field.get_default(call_default_factory=True))


def _is_plain(value: Any) -> bool:
    """Whether a value is one that a file could have, and not what was made of a mapping."""
    return type(value).__module__ == "builtins"


@cache
def file_model(struct: type[Struct]) -> type[Strict]:
    """The pydantic model of a struct's fields as a file gives them."""
    fields: dict[str, Any] = {}
    for one in msgspec.structs.fields(struct):
        plain, *metadata = get_args(one.type) if get_origin(one.type) is Annotated else (one.type,)
        if NOT_IN_FILE in metadata:
            continue
        fields[one.name] = (Annotated[plain, *map(_field, metadata), _in_file(one, metadata)], _default(one))
    name = f"{struct.__name__}Model"
    return create_model(name, __base__=_FromStruct, __doc__=struct.__doc__, __module__=struct.__module__, **fields)


def _default(one: msgspec.structs.FieldInfo) -> Any:
    if one.required:
        return ...
    if one.default_factory is not NODEFAULT:
        return Field(default_factory=one.default_factory)
    # a JSON Schema shows no default that comes from a factory, and these are not to be shown
    shown = _is_plain(one.default) and one.default not in ("", ())
    return one.default if shown else Field(default_factory=lambda: one.default)


def _in_file(one: msgspec.structs.FieldInfo, metadata: list[Any]) -> Any:
    """The field's name in the file, and how a file writes its default."""
    written: Any = next((each.func for each in metadata if isinstance(each, PlainSerializer)), None)
    shown = None if written is None or one.default in (NODEFAULT, None) else {"default": written(one.default)}
    return Field(alias=one.encode_name if one.encode_name != one.name else None, json_schema_extra=shown)


def _field(metadata: Any) -> Any:
    """Metadata of a field as pydantic takes it."""
    if isinstance(metadata, str):
        return Field(description=metadata)
    if not isinstance(metadata, Meta):
        return metadata
    names = ("gt", "ge", "lt", "le", "multiple_of", "pattern", "min_length", "max_length", "title", "description")
    return Field(**{name: value for name in names if (value := getattr(metadata, name)) is not None})


def unfit(message: str, expected: str = "", remedy: str = "") -> PydanticCustomError:
    """An error to raise in a validator: a whole sentence, what was expected, what to do."""
    return PydanticCustomError("unfit", "{message}", {"message": message, "expected": expected, "remedy": remedy})


class ReadAs:
    """In `Annotated`: a file has a value of another type, from which `made` makes this one."""

    def __init__(self, written: Any, made: Callable[[Any], Any]) -> None:
        self._written, self._made = written, made

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._made, handler.generate_schema(self._written))


class Listed:
    """In `Annotated[tuple[X, ...], ...]`: a list in the file, of so many entries. One entry alone, if it is a `single`,
    is a list of one."""

    def __init__(
        self, single: type | None = None, *, min_length: int | None = None, max_length: int | None = None
    ) -> None:
        self._single, self._min_length, self._max_length = single, min_length, max_length

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        one = handler.generate_schema(get_args(source)[0])
        listed = core_schema.list_schema(one, min_length=self._min_length, max_length=self._max_length)
        read = core_schema.no_info_after_validator_function(tuple, listed)
        if self._single is None:
            return read
        return core_schema.no_info_before_validator_function(
            self._in_list, read, json_schema_input_schema=core_schema.union_schema([one, listed])
        )

    def _in_list(self, value: Any) -> Any:
        return [value] if self._single is not None and isinstance(value, self._single) else value
