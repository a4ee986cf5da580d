"""A struct and the pydantic model of it: what a file may write, and what code reads."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from msgspec import Meta, Struct, field
from pydantic import TypeAdapter, ValidationError

from tocsin.connectors.sections import NOT_IN_FILE, Listed, ReadAs, Section, Text, file_model, unfit


class Inner(Section, frozen=True, kw_only=True):
    """Inside."""

    size: Annotated[int, Meta(ge=1), "How much."] = 3


class Outer(Section, frozen=True, kw_only=True):
    """Outside."""

    name: Annotated[str, NOT_IN_FILE] = "none"
    since: Annotated[Text, "When."] = field(name="from")
    inner: Inner = Inner()
    many: Annotated[tuple[Inner, ...], Listed(dict, max_length=2)] = ()
    even: Annotated[int, ReadAs(Text, len)] = 0
    parts: Annotated[tuple[Outer, ...], Listed()] = ()

    def checked(self) -> Outer:
        if self.since == "never":
            raise unfit("it never was", "a time")
        return self


OUTER: TypeAdapter[Outer] = TypeAdapter(Outer)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param({"from": "a"}, Outer(since="a"), id="defaults"),
        pytest.param({"from": "a", "many": {"size": 1}}, Outer(since="a", many=(Inner(size=1),)), id="one alone"),
        pytest.param({"from": "a", "many": [{}, {}]}, Outer(since="a", many=(Inner(), Inner())), id="a list"),
        pytest.param({"from": "a", "even": "four"}, Outer(since="a", even=4), id="read as another type"),
        pytest.param({"from": "a", "even": None}, Outer(since="a"), id="a key without a value"),
        pytest.param({"from": "a", "parts": [{"from": "b"}]}, Outer(since="a", parts=(Outer(since="b"),)), id="nested"),
    ],
)
def test_what_a_file_gives_becomes_a_struct(given: Any, expected: Outer) -> None:
    assert OUTER.validate_python(given) == expected


@pytest.mark.parametrize(
    ("given", "kind", "loc"),
    [
        pytest.param({}, "missing", ("from",), id="missing"),
        pytest.param({"from": "a", "since": "b"}, "extra_forbidden", ("since",), id="the name in Python"),
        pytest.param({"from": "a", "name": "b"}, "extra_forbidden", ("name",), id="not in a file"),
        pytest.param({"from": "a", "inner": None}, "model_type", ("inner",), id="a section without a value"),
        pytest.param({"from": "a", "inner": {"size": 0}}, "greater_than_equal", ("inner", "size"), id="a bound"),
        pytest.param({"from": "a", "inner": {"size": "1"}}, "int_type", ("inner", "size"), id="nothing is converted"),
        pytest.param({"from": "a", "many": [{}, {}, {}]}, "too_long", ("many",), id="too many"),
        pytest.param({"from": "a", "many": "x"}, "list_type", ("many",), id="no list"),
        pytest.param({"from": "a", "parts": [{"from": "never"}]}, "unfit", ("parts", 0), id="does not go together"),
    ],
)
def test_errors_stand_where_the_value_stands(given: Any, kind: str, loc: tuple[str | int, ...]) -> None:
    with pytest.raises(ValidationError) as refused:
        OUTER.validate_python(given)
    (error,) = refused.value.errors()
    assert (error["type"], error["loc"]) == (kind, loc)


def test_any_struct_has_a_model() -> None:
    class Plain(Struct, frozen=True):
        """Plain."""

        keep: Annotated[int, Meta(le=5), "How many."] = 2

    schema = file_model(Plain).model_json_schema()
    assert schema["description"] == "Plain."
    assert schema["properties"]["keep"] == {
        "default": 2, "description": "How many.", "maximum": 5, "title": "Keep", "type": "integer",
    }  # fmt: skip
