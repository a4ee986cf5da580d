"""The category of a problem whose code does not say one, as codes of DIDComm v2 do: by the catalogue, else by the words
of a code that says that something runs short, else by HTTP status 507 (Insufficient Storage)."""

from __future__ import annotations

import re
from functools import lru_cache

import msgspec

from tocsin.connectors.catalogue.catalogue import Catalogue
from tocsin.connectors.dialects.codes import MAX_CODE_LENGTH, fold_code, parse_code
from tocsin.schemas.problem import Problem, Severity

STORAGE, MEMORY, COMPUTE = "me.res.storage", "me.res.memory", "me.res.compute"
RESOURCES = {
    "disk": STORAGE, "disc": STORAGE, "storage": STORAGE, "space": STORAGE, "filesystem": STORAGE, "volume": STORAGE,
    "inode": STORAGE, "inodes": STORAGE, "memory": MEMORY, "mem": MEMORY, "ram": MEMORY, "heap": MEMORY, "swap": MEMORY,
    "cpu": COMPUTE, "compute": COMPUTE,
}  # fmt: skip
"""What may run short, and its category."""
SHORTAGES = frozenset(
    {
        *(
            "full",
            "out",
            "low",
            "no",
            "not",
            "insufficient",
            "exhausted",
            "exhaustion",
            "exceeded",
            "short",
            "shortage",
        ),
        *("lack", "lacking", "limit", "quota", "depleted", "pressure", "overflow", "few", "little", "limited"),
    }
)
"""Words that, beside one of RESOURCES, say that it runs short."""
WHOLE_WORDS = {
    "enospc": STORAGE, "edquot": STORAGE, "diskfull": STORAGE, "storagefull": STORAGE, "nospace": STORAGE,
    "enomem": MEMORY, "oom": MEMORY, "oomkilled": MEMORY, "outofmemory": MEMORY,
}  # fmt: skip
"""Words that say it alone: names of POSIX errors, and codes written without a hyphen."""
OF_STATUS = {507: STORAGE}
"""HTTP statuses that say that something runs short."""

_BY_SORTER = frozenset({"didcomm-2.0", "aries-1.0", "hipe"})
"""Dialects in which only the first token of a code says how bad it is; one without it says nothing."""

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def as_catalogued(problem: Problem) -> Problem:
    """The problem with the category and the severity that the catalogue knows, where the report does not state them."""
    problem = _with_category(problem)
    severity = _severity_of(problem.code) if problem.dialect in _BY_SORTER else None
    return problem if severity in (None, problem.severity) else msgspec.structs.replace(problem, severity=severity)


def is_warning(code: str) -> bool:
    """Whether a report of this code is a warning, where it does not say its severity: by the code, else by the
    catalogue."""
    return (_severity_of(code) or parse_code(code).severity) is Severity.WARNING


def _with_category(problem: Problem) -> Problem:
    """The problem with its category, where one can be told and none is stated."""
    if problem.category is not None:
        return problem
    category = _of_code(problem.code, problem.code_key)
    if category is None and problem.http is not None and problem.http.status is not None:
        category = OF_STATUS.get(problem.http.status)
    return problem if category is None else msgspec.structs.replace(problem, category=category)


def shortage_of(code: str) -> str | None:
    """The resource that runs short by the words of a code, in kebab, snake or camel case, or at the end of a URI."""
    last = re.split(r"[/#:]", code.rstrip("/#:"))[-1]
    words = [word.casefold() for word in _WORD.findall(last)]
    for word in words:
        if word in WHOLE_WORDS:
            return WHOLE_WORDS[word]
    short = any(word in SHORTAGES for word in words)
    return next((RESOURCES[word] for word in words if short and word in RESOURCES), None)


def _of_code(code: str, key: str) -> str | None:
    if len(code) > MAX_CODE_LENGTH or len(key) > MAX_CODE_LENGTH:
        return None
    return _looked_up(code, key)


def _severity_of(code: str) -> Severity | None:
    return _looked_up_severity(code) if len(code) <= MAX_CODE_LENGTH else None


@lru_cache(maxsize=4096)
def _looked_up_severity(code: str) -> Severity | None:
    """None for a code that states it, and for one that the catalogue does not know."""
    if parse_code(code).stated_scope is not None or fold_code(code).startswith(("e.", "w.")):
        return None
    found = Catalogue.load().find(code)
    return None if found is None else found.entry.severity


@lru_cache(maxsize=4096)  # only codes of bounded length are kept
def _looked_up(code: str, key: str) -> str | None:
    for said in (code, key):
        found = Catalogue.load().find(said) if said else None
        if found is not None and found.entry.category is not None:
            return found.entry.category
    return shortage_of(code) or shortage_of(key)
