"""What a framework calls, and must not notice."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec

from tocsin.connectors import sdk

Arguments = ParamSpec("Arguments")


def harmless(hook: Callable[Arguments, object]) -> Callable[Arguments, None]:
    """The hook, without what it raises and returns: both would mean something to the framework."""

    @functools.wraps(hook)
    def called(*arguments: Arguments.args, **named: Arguments.kwargs) -> None:
        sdk.guarded(lambda: _nothing(hook(*arguments, **named)))

    return called


def _nothing(_: object) -> None:
    return None
