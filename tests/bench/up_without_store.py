"""`tocsin up` as it is where `tocsin[store]` is not installed: what is delivered is not written into a database."""

from __future__ import annotations

from importlib.machinery import ModuleSpec

from tocsin.streams.cli.main import main
from tocsin.streams.up import supervisor


def nothing(name: str, package: str | None = None) -> ModuleSpec | None:
    """In the place of `find_spec`: it is not installed."""
    return None


if __name__ == "__main__":
    supervisor.find_spec = nothing
    main()
