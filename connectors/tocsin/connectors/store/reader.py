"""The store as the gateway and others read it: each question is asked for one tenant, and sees one moment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from sqlalchemy import Connection as Session
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from tocsin.connectors.store.bus_structs import Audited, Count, DeadLetter, Minute, Progress, SilenceRow, Violation
from tocsin.connectors.store.database import Database, StoreUnavailable, database_of
from tocsin.connectors.store.migrating import check_schema
from tocsin.connectors.store.queries import cases as ask_cases
from tocsin.connectors.store.queries import deliveries, numbers, operations, timelines
from tocsin.connectors.store.queries import peers as ask_peers
from tocsin.connectors.store.queries import problems as ask_problems
from tocsin.connectors.store.queries.cases import Case, CaseFilter, CaseOrder
from tocsin.connectors.store.queries.endpoints import Lately, attempts_lately
from tocsin.connectors.store.queries.peers import OfPeer, PeerLine, StoppedLoops
from tocsin.connectors.store.queries.problems import Filter
from tocsin.connectors.store.scope import Scope
from tocsin.connectors.store.structs import (
    CaseEvent,
    CaseRow,
    Command,
    Connection,
    Entry,
    Occurrence,
    Page,
    ProblemLine,
    Record,
    Span,
)
from tocsin.connectors.store.tables import offsets
from tocsin.connectors.store.text import storable
from tocsin.connectors.store_address import StoreAddress

T = TypeVar("T")
PAGE = 50
EVERYTHING, ALL_LETTERS = Filter(), operations.DeadFilter()
OPEN = CaseFilter()


class Store:
    """The store, opened to be read. Nothing is asked before the first question: the store may come later than its
    readers, and each question fails with StoreUnavailable, StoreTooOld or StoreTooNew until it is there."""

    def __init__(self, address: StoreAddress) -> None:
        self._address = address
        self._database: Database | None = None
        self._checked = False

    async def __aenter__(self) -> Store:
        return self

    async def __aexit__(self, *error: object) -> None:
        if self._database is not None:
            await self._database.close()

    def reader(self, tenant: str) -> Reader:
        """What this tenant may read, and nothing else."""
        return Reader(self, tenant)

    async def progress(self) -> list[Progress]:
        """How far each partition was taken up: of the whole bus, and of no tenant."""
        columns = (offsets.c.topic, offsets.c.partition, offsets.c.next, offsets.c.timestamp)
        order = (offsets.c.topic, offsets.c.partition)
        return await self.ask(
            lambda session: [Progress(*row) for row in session.execute(select(*columns).order_by(*order))]
        )

    async def tenants(self) -> list[str]:
        """The tenants that have problems, a thousand at most: of no tenant, and for nobody who has one."""
        return await self.ask(ask_problems.tenants)

    async def ask(self, question: Callable[[Session], T]) -> T:
        """For `Reader` and `progress`; whoever else asks has no tenant."""
        if self._database is None:
            self._database = database_of(self._address)
        try:
            if not self._checked:
                await self._database.read(check_schema)
                self._checked = True
            return await self._database.read(question)
        except DBAPIError as error:
            # it is no store, or the schema went while we were looking: made anew, or by a later release
            self._checked = False
            raise StoreUnavailable(f"the store at {self._address.shown}: {type(error.orig).__name__}") from error


class Reader:
    """What one tenant may read. Every question raises StoreUnavailable, StoreTooOld or StoreTooNew; those with a cursor
    also CursorInvalid. A page has at most 250 items."""

    def __init__(self, store: Store, tenant: str) -> None:
        self._store, self._tenant = store, tenant

    async def problem(self, problem: str) -> Occurrence | None:
        """One problem, by the event id of its report."""
        return await self._ask(lambda scope: ask_problems.one(scope, storable(problem)))

    async def problems(
        self, wanted: Filter = EVERYTHING, cursor: str | None = None, limit: int = PAGE
    ) -> Page[ProblemLine]:
        """The problems that are meant, newest first."""
        return await self._ask(lambda scope: ask_problems.page(scope, wanted, cursor, limit))

    async def search(
        self,
        question: str,
        wanted: Filter = EVERYTHING,
        cursor: str | None = None,
        limit: int = PAGE,
    ) -> Page[ProblemLine]:
        """The problems with all words of the question (`begin*` is the beginning of a word), those first that were
        taken up last. A page may have fewer than `limit` although there is a cursor."""
        return await self._ask(lambda scope: ask_problems.search(scope, question, wanted, cursor, limit))

    async def record(self, record_type: str, record_id: str) -> Record | None:
        """A record with its error."""
        return await self._ask(lambda scope: ask_cases.record(scope, storable(record_type), storable(record_id)))

    async def record_line(
        self, record_type: str, record_id: str, cursor: str | None = None, limit: int = PAGE
    ) -> Page[Entry]:
        """The time line of a record."""
        kind, name = storable(record_type), storable(record_id)
        return await self._ask(lambda scope: timelines.record(scope, kind, name, cursor, limit))

    async def thread(self, thread_id: str, cursor: str | None = None, limit: int = PAGE) -> Page[Entry]:
        """The time line of a thread."""
        return await self._ask(lambda scope: timelines.thread(scope, storable(thread_id), cursor, limit))

    async def connection(self, connection: str) -> Connection | None:
        """A connection as last heard of."""
        return await self._ask(lambda scope: timelines.about_connection(scope, storable(connection)))

    async def connection_line(self, connection: str, cursor: str | None = None, limit: int = PAGE) -> Page[Entry]:
        """The time line of a connection."""
        return await self._ask(lambda scope: timelines.connection(scope, storable(connection), cursor, limit))

    async def connections(self, cursor: str | None = None, limit: int = PAGE) -> Page[Connection]:
        """The connections, those first of which was heard last."""
        return await self._ask(lambda scope: timelines.connection_page(scope, cursor, limit))

    async def case(self, case: str, cursor: str | None = None, limit: int = PAGE) -> Case | None:
        """A case with a page of its problems (to which the cursor belongs) and the last of what happened to it."""
        return await self._ask(lambda scope: ask_cases.one(scope, storable(case), cursor, limit))

    async def cases(
        self,
        wanted: CaseFilter = OPEN,
        order: CaseOrder = "last_seen",
        cursor: str | None = None,
        limit: int = PAGE,
    ) -> Page[CaseRow]:
        """The cases that are meant, in this order, the most first. Where no index has the order or the filter, only
        the 50,000 that were reported last are looked through."""
        return await self._ask(lambda scope: ask_cases.page(scope, wanted, order, cursor, limit))

    async def reports_in(self, cases: Sequence[str], begins: Sequence[int], width: int) -> list[Span]:
        """How many reports of these cases came in the spans of `width` microseconds that begin then, each up to
        MOST_COUNTED."""
        ids = [storable(one) for one in cases]
        return await self._ask(lambda scope: ask_cases.reports_in(scope, ids, begins, width))

    async def case_events(self, case: str, cursor: str | None = None, limit: int = PAGE) -> Page[CaseEvent]:
        """What happened to a case besides its reports."""
        return await self._ask(lambda scope: ask_cases.events(scope, storable(case), cursor, limit))

    async def told_of(self, about: Sequence[str], limit: int = PAGE) -> list[deliveries.Told]:
        """The deliveries about these events, with their attempts."""
        events = [storable(one) for one in about]
        return await self._ask(lambda scope: deliveries.told_of(scope, events, limit))

    async def told_of_case(self, case: str, limit: int = PAGE) -> list[deliveries.Told]:
        """The deliveries about anything of a case, with their attempts."""
        return await self._ask(lambda scope: deliveries.told_of_case(scope, storable(case), limit))

    async def told_about(self, problem: str, case: str | None, limit: int = PAGE) -> list[deliveries.Told]:
        """The deliveries about a problem, and about what happened to its case, with their attempts."""
        of_case = None if case is None else storable(case)
        return await self._ask(lambda scope: deliveries.told_about(scope, storable(problem), of_case, limit))

    async def delivery(self, delivery: str) -> deliveries.Told | None:
        """One delivery with its attempts."""
        return await self._ask(lambda scope: deliveries.delivery(scope, storable(delivery)))

    async def command(self, command: str) -> Command | None:
        """One command, with what became of it."""
        return await self._ask(lambda scope: operations.command(scope, storable(command)))

    async def commands(self, target: str | None = None, cursor: str | None = None, limit: int = PAGE) -> Page[Command]:
        """What people and programs wanted."""
        wanted = None if target is None else storable(target)
        return await self._ask(lambda scope: operations.command_page(scope, wanted, cursor, limit))

    async def silences(self, cursor: str | None = None, limit: int = PAGE) -> Page[SilenceRow]:
        """The silences that were made while running."""
        return await self._ask(lambda scope: operations.silence_page(scope, cursor, limit))

    async def dead_letters(
        self, wanted: operations.DeadFilter = ALL_LETTERS, cursor: str | None = None, limit: int = PAGE
    ) -> Page[DeadLetter]:
        """The dead letters that are meant."""
        return await self._ask(lambda scope: operations.dead_letter_page(scope, wanted, cursor, limit))

    async def audit(self, cursor: str | None = None, limit: int = PAGE) -> Page[Audited]:
        """Who asked the bus for what."""
        return await self._ask(lambda scope: operations.audit_page(scope, cursor, limit))

    async def top(self, kind: numbers.Counted, since: int, until: int, limit: int = PAGE) -> list[Count]:
        """The most frequent codes, outcomes or dialects of a time."""
        return await self._ask(lambda scope: numbers.top(scope, kind, since, until, limit))

    async def by_hour(
        self, kind: numbers.Counted, since: int, until: int, names: Sequence[str] | None = None
    ) -> list[Count]:
        """How many there were in each hour of a time."""
        return await self._ask(lambda scope: numbers.by_hour(scope, kind, names, since, until))

    async def by_minute(self, since: int) -> list[Minute]:
        """How often each code was reported in each minute since then, in as much of it as can be counted at once."""
        return await self._ask(lambda scope: ask_problems.by_minute(scope, since))

    async def peers(self, since: int = 0, limit: int = PAGE) -> list[tuple[str, int]]:
        """The peers that broke rules of dialects, and how often."""
        return await self._ask(lambda scope: numbers.peers(scope, since, limit))

    async def violations(self, peer: str, since: int = 0) -> list[Violation]:
        """Which rules a peer broke."""
        return await self._ask(lambda scope: numbers.violations_of(scope, storable(peer), since))

    async def is_known(self, peer: str) -> bool:
        """Whether anything is known of a peer."""
        return await self._ask(lambda scope: ask_peers.is_known(scope, storable(peer)))

    async def peer_lines(self, since: int) -> list[PeerLine]:
        """The peers with what they sent, and how many rules it broke."""
        return await self._ask(lambda scope: ask_peers.peer_lines(scope, since))

    async def of_peer(self, peer: str, since: int) -> OfPeer:
        """What a peer sent, and what passed between it and us."""
        return await self._ask(lambda scope: ask_peers.of_peer(scope, storable(peer), since))

    async def attempts_lately(self, since: int) -> dict[str, Lately]:
        """By endpoint, what became of the newest attempts since a time."""
        return await self._ask(lambda scope: attempts_lately(scope, since))

    async def stopped_loops(self, since: int) -> StoppedLoops:
        """What went round in circles and was stopped."""
        return await self._ask(lambda scope: ask_peers.stopped_loops(scope, since))

    async def first_at(self) -> int | None:
        """The time of the oldest problem that is kept."""
        return await self._ask(ask_cases.first_at)

    async def _ask(self, question: Callable[[Scope], T]) -> T:
        tenant = self._tenant
        return await self._store.ask(lambda session: question(Scope(session, tenant)))
