"""Full-text search: SQLite's FTS5 over `problems.words`, kept by triggers; a `tsvector` of PostgreSQL."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"

SQLITE = (
    # no positions: what is asked for is whether words are there
    "CREATE VIRTUAL TABLE problems_words USING fts5(words, content='problems', content_rowid='seq', detail=none,"
    " tokenize='unicode61 remove_diacritics 0')",
    "CREATE TRIGGER problems_words_put AFTER INSERT ON problems WHEN new.words IS NOT NULL BEGIN"
    " INSERT INTO problems_words (rowid, words) VALUES (new.seq, new.words); END",
    "CREATE TRIGGER problems_words_gone AFTER DELETE ON problems WHEN old.words IS NOT NULL BEGIN"
    " INSERT INTO problems_words (problems_words, rowid, words) VALUES ('delete', old.seq, old.words); END",
    "CREATE TRIGGER problems_words_first AFTER UPDATE OF words ON problems"
    " WHEN old.words IS NULL AND new.words IS NOT NULL BEGIN"
    " INSERT INTO problems_words (rowid, words) VALUES (new.seq, new.words); END",
    "CREATE TRIGGER problems_words_other AFTER UPDATE OF words ON problems"
    " WHEN old.words IS NOT NULL AND old.words IS NOT new.words BEGIN"
    " INSERT INTO problems_words (problems_words, rowid, words) VALUES ('delete', old.seq, old.words);"
    " INSERT INTO problems_words (rowid, words) SELECT new.seq, new.words WHERE new.words IS NOT NULL; END",
    "INSERT INTO problems_words (problems_words) VALUES ('rebuild')",
)
POSTGRESQL = (
    "ALTER TABLE problems ADD COLUMN vector tsvector"
    " GENERATED ALWAYS AS (to_tsvector('simple', coalesce(words, ''))) STORED",
    "CREATE INDEX problems_vector ON problems USING gin (vector)",
)


def upgrade() -> None:
    """Make it, also of what is there already."""
    for statement in SQLITE if op.get_context().dialect.name == "sqlite" else POSTGRESQL:
        op.get_bind().exec_driver_sql(statement)
