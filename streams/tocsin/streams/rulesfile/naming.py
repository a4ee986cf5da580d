"""Names in a rules file that must stand for something: endpoints, policies, mute times."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches

from tocsin.streams.rulesfile.finding import Findings, Path


def check_name(kind: str, section: str, name: str, known: Collection[str], path: Path, findings: Findings) -> bool:
    """Whether `name` is one of `known`; if not, an error that guesses which was meant. `kind` is for people."""
    if name in known:
        return True
    guess = get_close_matches(name, known, n=1)
    remedy = f"did you mean {guess[0]}?" if guess else f"add {name} under {section}"
    expected = f"one of {', '.join(known)}" if known else ""
    findings.error(path, f"there is no {kind} {name}", expected, remedy)
    return False


def check_endpoints(names: Collection[str], known: Collection[str], path: Path, findings: Findings) -> None:
    """Every one of `names`, a list at `path`, is an endpoint."""
    for position, name in enumerate(names):
        check_name("endpoint", "endpoints", name, known, (*path, position), findings)
