"""What `tocsin publish` takes for one document and what for many, and the samples."""

from __future__ import annotations

from pathlib import Path

import pytest

from tocsin.connectors.dialects import DIALECT_OF_MEDIA_TYPE, read_document
from tocsin.schemas.problem import Problem
from tocsin.streams.cli.demo import SAMPLES
from tocsin.streams.cli.documents import documents_of
from tocsin.streams.processes.exit_codes import CommandFailed
from tocsin.streams.up.home import HomeLock, located_settings, running_bus

BODIES = {
    "one document": (b'{"code": "e.p.x"}', [1]),
    "one document over lines": (b'{\n"code":\n"e.p.x"\n}\n', [1]),
    "one broken document over lines": (b'{\n"code"\n"e.p.x"\n}\n', [1]),
    "one a line": (b'{"a": 1}\n{"a": 2}\n', [1, 2]),
    "empty lines between": (b'{"a": 1}\n\n  \r\n{"a": 2}', [1, 4]),
    "a bad line first": (b'{bad\n{"a": 2}\n', [1, 2]),
    "an array": (b'[{"a": 1},\n{"a": 2}, 3]', [1, 2, 3]),
    "an array of nothing": (b"[]", [1]),
    "an array with a member twice": (b'[{"a": 1, "a": 2}]', [1]),
    "nothing": (b"", [1]),
    "bytes": (b"\xff\x00\n\xfe", [1]),
}


@pytest.mark.parametrize(("raw", "lines"), BODIES.values(), ids=BODIES.keys())
def test_documents_of(raw: bytes, lines: list[int]) -> None:
    assert [line for line, _ in documents_of(raw)] == lines


def test_there_is_a_sample_for_each_dialect_of_objects_that_a_media_type_names() -> None:
    assert {sample.dialect for sample in SAMPLES} == {*DIALECT_OF_MEDIA_TYPE.values()} - {"text"}


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.dialect)
def test_a_sample_is_conformant_and_says_what_happened(sample: object) -> None:
    assert hasattr(sample, "document")
    for dialect in ("auto", sample.dialect):  # type: ignore[attr-defined]
        problem = read_document(sample.document(), dialect)
        assert isinstance(problem, Problem)
        assert problem.dialect == sample.dialect  # type: ignore[attr-defined]
        assert problem.conformant
        assert problem.text


def test_a_home_is_held_once_and_told_of(tmp_path: Path) -> None:
    assert running_bus(tmp_path) is None
    taken = HomeLock(tmp_path)
    with pytest.raises(CommandFailed, match="in use by another") as refused:
        HomeLock(tmp_path)
    assert refused.value.exit_code == 78
    taken.write_state({"bootstrap": "127.0.0.1:1"})
    assert running_bus(tmp_path) == {"bootstrap": "127.0.0.1:1"}
    taken.release()
    assert running_bus(tmp_path) is None
    HomeLock(tmp_path).release()


OF_THE_BUS = ("127.0.0.1:1", "other.", Path("/bus/rules.yaml"))
RUNNING: dict[str, tuple[dict[str, object], tuple[object, ...]]] = {
    "nothing is set": ({}, OF_THE_BUS),
    "another rules file is set": ({"rules": "/mine.yaml"}, (*OF_THE_BUS[:2], Path("/mine.yaml"))),
    "another prefix is set": ({"prefix": "mine."}, ("127.0.0.1:1", "mine.", OF_THE_BUS[2])),
    "another Kafka is set": ({"bootstrap": "far:9092"}, ("far:9092", "tocsin.", None)),
}


@pytest.mark.parametrize(("given", "known"), RUNNING.values(), ids=RUNNING.keys())
def test_a_command_knows_what_the_bus_runs_with(
    given: dict[str, object], known: tuple[object, ...], tmp_path: Path
) -> None:
    taken = HomeLock(tmp_path)
    taken.write_state({"bootstrap": "127.0.0.1:1", "prefix": "other.", "rules": "/bus/rules.yaml", "embedded": True})
    settings = located_settings(home=tmp_path, **given)
    taken.release()
    assert (settings.bootstrap, settings.prefix, settings.rules) == known
