"""Questions about problems: one, a page of them, by their words."""

from __future__ import annotations

from collections import Counter
from heapq import merge
from itertools import product
from typing import Any

from msgspec import Struct
from sqlalchemy import ColumnElement, and_, func, or_, select, true
from sqlalchemy import Connection as Session

from tocsin.connectors.store.bus_structs import Minute
from tocsin.connectors.store.cursors import cursor_of, number_of, page_of, page_size, place_of
from tocsin.connectors.store.scope import Scope
from tocsin.connectors.store.structs import Occurrence, Page, ProblemLine
from tocsin.connectors.store.tables import problems
from tocsin.connectors.store.words import terms_of

COLUMNS = problems.c
MOST_CODES = 64
"""How many codes under one beginning are looked for one by one; if there are more, all problems are gone through."""
COUNTED = 10_000
"""How many problems are counted minute by minute."""
MINUTE = 60_000_000
MOST_TENANTS = 1000
ROUNDS = 20
"""How often a search goes on when what it found was another tenant's."""


class Filter(Struct, frozen=True, kw_only=True):
    """Which problems are meant; None: any. `code` is a code or the beginning of one, up to a dot. `since` (included)
    and `until` (not) are times of the report."""

    code: str | None = None
    severity: str | None = None
    dialect: str | None = None
    decision: str | None = None
    conformant: bool | None = None
    case: str | None = None
    thread: str | None = None
    connection: str | None = None
    sender: str | None = None
    record_type: str | None = None
    record_id: str | None = None
    since: int | None = None
    until: int | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """What each problem must fulfil, apart from its code and its links."""
        wanted = [
            column == value
            for column, value in (
                (COLUMNS.severity, self.severity),
                (COLUMNS.dialect, self.dialect),
                (COLUMNS.decision, self.decision),
                (COLUMNS.conformant, self.conformant),
                (COLUMNS.case_id, self.case),
                (COLUMNS.sender, self.sender),
            )
            if value is not None
        ]
        if self.since is not None:
            wanted.append(COLUMNS.at >= self.since)
        if self.until is not None:
            wanted.append(COLUMNS.at < self.until)
        return wanted

    def links(self) -> list[list[ColumnElement[bool]]]:
        """The ways in which a problem may have the links that are meant: each is found by an index of its own."""
        given = (
            (("thread_id",), ("context_thread",), (self.thread,)),
            (("connection",), ("context_connection",), (self.connection,)),
            (
                ("record_type", "record_id"),
                ("context_record_type", "context_record_id"),
                (self.record_type, self.record_id),
            ),
        )
        ways = [
            [
                [COLUMNS[name] == value for name, value in zip(names, values, strict=True) if value is not None]
                for names in (own, context)
            ]
            for own, context, values in given
            if any(value is not None for value in values)
        ]
        return [[condition for part in way for condition in part] for way in product(*ways)]


def one(scope: Scope, problem: str) -> Occurrence | None:
    """The problem of this id."""
    return scope.one(Occurrence, problems, COLUMNS.id == problem)


def page(scope: Scope, wanted: Filter, cursor: str | None, limit: int) -> Page[ProblemLine]:
    """The problems that are meant, newest first. Raises CursorInvalid."""
    limit, before = page_size(limit), place_of(cursor)
    ways = [[*codes, *links] for codes in _codes(scope, wanted.code) for links in wanted.links()]
    found = [
        scope.newest(ProblemLine, problems, *way, *wanted.conditions(), before=before, limit=limit + 1) for way in ways
    ]
    lines: dict[str, ProblemLine] = {}
    for line in merge(*found, key=_place, reverse=True):
        lines.setdefault(line.id, line)
    return page_of(list(lines.values())[: limit + 1], limit, _place)


def search(scope: Scope, question: str, wanted: Filter, cursor: str | None, limit: int) -> Page[ProblemLine]:
    """The problems with all words of the question, those first that were taken up last; none for a question without
    words. Raises CursorInvalid."""
    limit, before = page_size(limit), number_of(cursor)
    terms = terms_of(scope.tenant, question)
    where = [*wanted.conditions(), or_(*(and_(true(), *way) for way in wanted.links()))]
    if wanted.code is not None:
        where.append(under_code(COLUMNS.code_key, wanted.code))
    found: list[tuple[int, ProblemLine]] = []
    for _ in range(ROUNDS if terms else 0):
        places = scope.matching(terms, before, limit + 1)
        found += _among(scope, places, where)
        if len(places) <= limit or len(found) > limit:
            break
        before = places[-1]
    else:
        if terms and before is not None and len(found) <= limit:
            # not all was looked through: the next page goes on from here
            return Page([line for _, line in found], cursor_of((before,)))
    page = page_of(found, limit, lambda pair: (pair[0],))
    return Page([line for _, line in page.items], page.cursor)


def of_record(scope: Scope, record_type: str, record: str, *where: Any, limit: int) -> list[ProblemLine]:
    """The last problems of a record."""
    names = (("record_type", "record_id"), ("context_record_type", "context_record_id"))
    found = [
        line
        for kind, name in names
        for line in scope.newest(
            ProblemLine, problems, COLUMNS[kind] == record_type, COLUMNS[name] == record, *where,
            before=None, limit=limit,
        )
    ]  # fmt: skip
    return sorted({line.id: line for line in found}.values(), key=_place, reverse=True)[:limit]


def by_minute(scope: Scope, since: int) -> list[Minute]:
    """How often each code was reported in each minute since then; of the last COUNTED problems at most."""
    columns = [COLUMNS.code_key, COLUMNS.at]
    rows = scope.rows(columns, problems, COLUMNS.at >= since, order=[COLUMNS.at.desc()], limit=COUNTED)
    found = Counter((code or "", at - at % MINUTE) for code, at in rows)
    return [Minute(code, minute, count) for (code, minute), count in sorted(found.items())]


def tenants(session: Session) -> list[str]:
    """The tenants that have problems: by the index one after another, since each has many."""
    found: list[str] = []
    while len(found) < MOST_TENANTS:
        later = select(func.min(COLUMNS.tenant)).where(COLUMNS.tenant > (found[-1] if found else ""))
        following = session.execute(later).scalar()
        if following is None:
            break
        found.append(following)
    return found


def _among(scope: Scope, places: list[int], where: list[ColumnElement[bool]]) -> list[tuple[int, ProblemLine]]:
    names = ProblemLine.__struct_fields__
    columns = [COLUMNS.seq, *(COLUMNS[name] for name in names)]
    return [(row[0], ProblemLine(*tuple(row)[1:])) for row in scope.placed(columns, places, *where)]


def _codes(scope: Scope, code: str | None) -> list[list[ColumnElement[bool]]]:
    """The codes that are there of one and of what begins with it, each of which the index has in the order of time."""
    if code is None:
        return [[]]
    found = [code]
    last = f"{code}."
    while True:
        under = [COLUMNS.code_key > last, COLUMNS.code_key < f"{code}/"]
        row = scope.rows([COLUMNS.code_key], problems, *under, order=[COLUMNS.code_key], limit=1)
        if not row:
            return [[COLUMNS.code_key == one] for one in found]
        if len(found) == MOST_CODES:
            # not by the index of codes, which would have to sort them all
            return [[under_code(COLUMNS.code_key + "", code)]]
        last = row[0][0]
        found.append(last)


def under_code(column: ColumnElement[Any], code: str) -> ColumnElement[bool]:
    """Whether it is this code, or one that begins with it."""
    return or_(column == code, and_(column > f"{code}.", column < f"{code}/"))


def _place(line: ProblemLine) -> tuple[int, str]:
    return line.at, line.id
