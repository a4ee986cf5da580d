"""A database that cannot be reached (M2), and one that refuses (M3), told by the names that drivers of other languages
give their exceptions, and by their codes."""

from __future__ import annotations

import pytest

from tocsin.connectors.mediation import Context, ForeignError, TableError, classify, decide, load_table
from tocsin.connectors.mediation.findings import TableFindings
from tocsin.connectors.mediation.loading import build_table, families

MEDIATOR, AGENT = load_table("identus-mediator"), load_table("identus-agent")
_SQL = ("java.sql.SQLException", "java.lang.Exception", "java.lang.Throwable")
_MONGO = ("com.mongodb.MongoClientException", "com.mongodb.MongoException", "java.lang.RuntimeException")


def thrown(*names: str, text: str = "", code: str | None = None) -> ForeignError:
    return ForeignError(names, text, code)


# what was thrown, its scenario
THROWN: dict[str, tuple[ForeignError, str]] = {
    "JDBC: no connection": (thrown("java.sql.SQLNonTransientConnectionException", *_SQL), "M2"),
    "JDBC: the pool has none": (thrown("java.sql.SQLTransientConnectionException", *_SQL), "M2"),
    "JDBC: to be connected anew": (thrown("java.sql.SQLRecoverableException", *_SQL), "M2"),
    "JDBC: a password": (thrown("java.sql.SQLInvalidAuthorizationSpecException", *_SQL), "M2"),
    "JDBC: syntax": (thrown("java.sql.SQLSyntaxErrorException", *_SQL), "M3"),
    "JDBC: a key twice": (thrown("java.sql.SQLIntegrityConstraintViolationException", *_SQL), "M3"),
    "JDBC: too long a query": (thrown("java.sql.SQLTimeoutException", *_SQL), "M3"),
    "JDBC: anything": (thrown(*_SQL), "M3"),
    "PostgreSQL, refused": (
        thrown("org.postgresql.util.PSQLException", *_SQL, text="Connection to db:5432 refused. Check that ..."), "M2",
    ),
    "PostgreSQL, starting": (
        thrown("org.postgresql.util.PSQLException", *_SQL, text="FATAL: the database system is starting up"), "M2",
    ),
    "PostgreSQL, SQLSTATE of a connection": (thrown("org.postgresql.util.PSQLException", *_SQL, code="08001"), "M2"),
    "PostgreSQL, SQLSTATE of a constraint": (thrown("org.postgresql.util.PSQLException", *_SQL, code="23505"), "M3"),
    "PostgreSQL, a constraint": (
        thrown("org.postgresql.util.PSQLException", *_SQL, text="ERROR: duplicate key value violates ..."), "M3",
    ),
    "MySQL": (thrown("com.mysql.cj.jdbc.exceptions.CommunicationsException", *_SQL), "M2"),
    "Hibernate": (thrown("org.hibernate.exception.JDBCConnectionException", "org.hibernate.HibernateException"), "M2"),
    "Hibernate: grammar": (
        thrown("org.hibernate.exception.SQLGrammarException", "org.hibernate.HibernateException"), "M3",
    ),
    "Spring": (thrown("org.springframework.dao.DataAccessResourceFailureException"), "M2"),
    "Spring: a key twice": (thrown("org.springframework.dao.DuplicateKeyException"), "M3"),
    "MongoDB, no server in time": (thrown("com.mongodb.MongoTimeoutException", *_MONGO), "M2"),
    "MongoDB, a socket": (thrown("com.mongodb.MongoSocketOpenException", "com.mongodb.MongoSocketException"), "M2"),
    "MongoDB, a command": (thrown("com.mongodb.MongoCommandException", "com.mongodb.MongoServerException"), "M3"),
    "MongoDB, a write": (thrown("com.mongodb.MongoWriteException", "com.mongodb.MongoServerException"), "M3"),
    "MongoDB, too long a query": (thrown("com.mongodb.MongoExecutionTimeoutException", *_MONGO[1:]), "M3"),
    "Jedis": (thrown("redis.clients.jedis.exceptions.JedisConnectionException"), "M2"),
    "Jedis, the pool": (thrown("redis.clients.jedis.exceptions.JedisExhaustedPoolException"), "M2"),
    "Jedis, wrong data": (thrown("redis.clients.jedis.exceptions.JedisDataException"), "M3"),
    "Lettuce": (thrown("io.lettuce.core.RedisConnectionException", "io.lettuce.core.RedisException"), "M2"),
    "Lettuce, a command": (thrown("io.lettuce.core.RedisCommandExecutionException"), "M3"),
    "Java, any socket": (thrown("java.net.ConnectException", "java.net.SocketException", "java.io.IOException"), "M2"),
    "Java, any host": (thrown("java.net.UnknownHostException", "java.io.IOException"), "M2"),
    "wrapped": (thrown("com.example.StoreDown", "scala.MatchError", "com.mongodb.MongoTimeoutException"), "M2"),
    "Java, an inner class": (thrown("com.example.Store$PSQLException", text="connection refused"), "M2"),
    "Node, MongoDB": (thrown("MongoNetworkError", "MongoError", "Error"), "M2"),
    "Node, MongoDB, no server": (thrown("MongoServerSelectionError", "MongoSystemError", "MongoError"), "M2"),
    "Node, MongoDB, a key twice": (thrown("MongoServerError", "MongoError", "Error", code="11000"), "M3"),
    "Sequelize": (thrown("SequelizeConnectionError", "SequelizeBaseError", "Error"), "M2"),
    "Sequelize, refused": (thrown("SequelizeConnectionRefusedError", "SequelizeConnectionError"), "M2"),
    "Sequelize, a key twice": (thrown("SequelizeUniqueConstraintError", "SequelizeValidationError"), "M3"),
    "ioredis": (thrown("MaxRetriesPerRequestError", "AbortError", "RedisError", "Error"), "M2"),
    "ioredis, a reply": (thrown("ReplyError", "RedisError", "Error"), "M3"),
    "Prisma, not reached": (thrown("PrismaClientKnownRequestError", "Error", code="P1001"), "M2"),
    "Prisma, a key twice": (thrown("PrismaClientKnownRequestError", "Error", code="P2002"), "M3"),
    "TypeORM": (thrown("QueryFailedError", "TypeORMError", "Error"), "M3"),
    "Node, a code": (thrown("Error", code="ECONNREFUSED"), "M2"),
    "Node, no such host": (thrown("Error", code="ENOTFOUND"), "M2"),
    "Go, pgx": (thrown("*pgconn.ConnectError"), "M2"),
    "Go, pgx with its path": (thrown("github.com/jackc/pgx/v5/pgconn.ConnectError"), "M2"),
    "Go, pgx refuses": (thrown("*pgconn.PgError", code="42P01"), "M3"),
    "Go, database/sql": (thrown("driver.ErrBadConn"), "M2"),
    "Go, MongoDB": (thrown("topology.ServerSelectionError"), "M2"),
    "Go, MongoDB refuses": (thrown("mongo.CommandError"), "M3"),
    "Go, the network": (thrown("*net.OpError"), "M2"),
    "Rust, sqlx": (thrown("sqlx::Error::Io"), "M2"),
    "Rust, sqlx's pool": (thrown("sqlx_core::error::Error::PoolTimedOut"), "M2"),
    "Rust, sqlx refuses": (thrown("sqlx::Error::RowNotFound"), "M3"),
    "Rust, tokio-postgres": (thrown("tokio_postgres::Error", text="error connecting to server: Connection ref"), "M2"),
    "Rust, tokio-postgres refuses": (thrown("tokio_postgres::Error", text="db error: ERROR: relation"), "M3"),
    "Rust, MongoDB": (thrown("mongodb::error::ErrorKind::ServerSelection"), "M2"),
    "Ruby": (thrown("PG::ConnectionBad", "PG::Error", "StandardError"), "M2"),
    "Ruby refuses": (thrown("PG::UniqueViolation", "PG::Error", "StandardError"), "M3"),
    ".NET": (thrown("StackExchange.Redis.RedisConnectionException"), "M2"),
    "a connection, whoever's": (thrown("com.example.LedgerConnectionException", "java.lang.Exception"), "M2"),
    "an HTTP client's is no database": (thrown("httpx.ConnectError", "httpx.NetworkError"), "G4"),
    "another HTTP client's": (thrown("requests.exceptions.ConnectionError", "builtins.OSError"), "G4"),
    "a connection of DIDComm": (thrown("org.example.ConnectionRecordNotFound", "java.lang.Exception"), "G4"),
    "a time that ran out": (thrown("java.util.concurrent.TimeoutException", "java.lang.Exception"), "G4"),
    "nothing known": (thrown("java.lang.IllegalStateException", "java.lang.RuntimeException"), "G4"),
}  # fmt: skip


@pytest.mark.parametrize(("error", "scenario"), THROWN.values(), ids=list(THROWN))
def test_what_drivers_throw(error: ForeignError, scenario: str) -> None:
    assert decide(MEDIATOR, error, Context()).scenario == scenario


@pytest.mark.parametrize(
    ("message_type", "scenario"),
    [
        ("https://didcomm.org/issue-credential/3.0/offer-credential", "I4"),
        ("https://didcomm.org/present-proof/3.0/request-presentation", "V10"),
        (None, "C3"),
    ],
)
@pytest.mark.parametrize("name", ["MaxRetriesPerRequestError", "java.sql.SQLException", "MongoNetworkError"])
def test_an_agent_knows_them_too(name: str, message_type: str | None, scenario: str) -> None:
    assert classify(AGENT, thrown(name), message_type) == scenario


def test_a_specific_name_further_off_comes_before_a_general_one() -> None:
    assert classify(MEDIATOR, thrown("com.example.FooConnectionException", "java.sql.SQLSyntaxErrorException")) == "M3"


def test_a_table_of_your_own_may_name_families() -> None:
    table: dict[str, object] = {
        "name": "mine", "title": "Mine", "columns": ["current"], "otherwise": "X1",
        "scenarios": {"X1": {"title": "x", "options": {"only": {"do": "ignore"}}, "chosen": {"current": "only"}}},
        "exceptions": [{"exception": ["@storage-refuses", "Mine"], "scenario": "X1"}],
    }  # fmt: skip
    findings = TableFindings("mine.json")
    built = build_table(table, findings)
    assert built is not None, findings.found
    assert built.exceptions[0].patterns == [*families()["storage-refuses"], "Mine"]
    assert build_table(table | {"exceptions": [{"exception": "@storage-refused", "scenario": "X1"}]}, findings) is None
    assert "did you mean @storage-refuses?" in str(TableError(findings.in_order()))
