"""Which members of a problem say something."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tocsin.schemas.problem import Http, Problem, Source
from tocsin.streams.rules.identity import members_of

_SAID = st.none() | st.booleans()
_TEXT = st.none() | st.text(max_size=2)
_PROBLEMS = st.builds(
    Problem, dialect=st.just("canonical"), code=st.text(max_size=2), conformant=st.booleans(), text=_TEXT,
    thread_id_derived=st.booleans(), request_completed=_SAID, outcome_ok=_SAID, ack=st.lists(st.text(), max_size=1),
    noticed_at=st.none() | st.just(0),
)  # fmt: skip
_OTHERS = st.builds(Source, sender=_TEXT) | st.builds(Http, title=_TEXT, status=st.none() | st.just(404))


@given(_PROBLEMS | _OTHERS)
def test_a_member_says_something_if_it_is_not_empty_or_is_false(struct: Problem | Source | Http) -> None:
    values = [(name, getattr(struct, name)) for name in struct.__struct_fields__]
    assert list(members_of(struct).items()) == [(name, value) for name, value in values if value or value is False]
