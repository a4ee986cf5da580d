"""Secrets in the rules file: as text, in an environment variable or in a file. Settings hold what was found there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct
from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from tocsin.connectors.files import read_file
from tocsin.connectors.sections import Strict, Text, unfit

MAX_SECRET_FILE = 4096
"""Bytes of a file that holds one secret."""


class SecretSources(Struct, frozen=True, kw_only=True):
    """Where secrets are looked up: the context of a validation. `folder` is where relative paths start."""

    environment: Mapping[str, str]
    folder: Path


class FromEnvironment(Strict):
    """A secret that stands in an environment variable."""

    env: Text


class FromFile(Strict):
    """A secret that stands in a file; a relative path starts at the rules file's folder."""

    file: Text


class Secret:
    """In `Annotated[str, ...]`: a secret. A file gives it `as_` text, the name of a variable (env), the path of a file
    (file), or any of them: text, `{env: NAME}` or `{file: PATH}`.

    It is looked up, and `check` asked (it raises ValueError), only in a validation with SecretSources as its context.
    """

    def __init__(
        self,
        as_: Literal["any", "text", "env", "file"] = "any",
        check: Callable[[str], object] | None = None,
        remedy: str = "",
        *,
        name: str = "secret",
        limit: int = MAX_SECRET_FILE,
    ) -> None:
        """`name` is what it is called in findings, `limit` how many bytes a file of it has at most."""
        self._as, self._check, self._remedy, self._name, self._limit = as_, check, remedy, name, limit

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        written: Any = Text | FromEnvironment | FromFile if self._as == "any" else Text
        return core_schema.with_info_after_validator_function(self._found, handler.generate_schema(written))

    def _found(self, given: str | FromEnvironment | FromFile, info: core_schema.ValidationInfo[Any]) -> str:
        kind, name = self._as, given
        if isinstance(given, FromEnvironment):
            kind, name = "env", given.env
        elif isinstance(given, FromFile):
            kind, name = "file", given.file
        assert isinstance(name, str)
        sources: SecretSources | None = info.context
        if sources is None:
            return name
        secret = name
        if kind == "env":
            secret = self._from_environment(name, sources)
        elif kind == "file":
            secret = self._from_file(sources.folder / name)
        try:
            if self._check is not None:
                self._check(secret)
        except ValueError as error:
            raise unfit(str(error), remedy=self._remedy) from None
        return secret

    def _from_environment(self, variable: str, sources: SecretSources) -> str:
        value = sources.environment.get(variable, "").strip()
        if not value:
            raise unfit(f"the environment variable {variable} is not set", f"a {self._name} in it", f"set {variable}")
        return value

    def _from_file(self, file: Path) -> str:
        try:
            data = read_file(file, self._limit + 1)
            value = data.decode().strip() if len(data) <= self._limit else ""
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not text"
            raise unfit(f"the {self._name} file {file} cannot be read: {reason}") from None
        if not value:
            message = f"the {self._name} file {file} holds no {self._name}"
            raise unfit(message, f"one {self._name}, at most {self._limit} bytes")
        return value


class Place:
    """In `Annotated[str, ...]`: the path of what is opened later; a relative one starts at the rules file's folder."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_after_validator_function(self._found, handler.generate_schema(Text))

    def _found(self, given: str, info: core_schema.ValidationInfo[Any]) -> str:
        sources: SecretSources | None = info.context
        return given if sources is None else str(sources.folder / Path(given).expanduser())
