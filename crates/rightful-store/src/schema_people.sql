-- What people and activities need: who is who, what is known of people who cannot be read, what was credited, and rows that went.

-- A source person is this target person.
CREATE TABLE link (
    source TEXT NOT NULL,
    target TEXT NOT NULL,
    person TEXT NOT NULL,
    owner TEXT NOT NULL,
    evidence TEXT NOT NULL,
    by_value TEXT,
    author TEXT NOT NULL,
    reason TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (source, target, person),
    UNIQUE (source, target, owner)
) WITHOUT ROWID;

CREATE TABLE pick (
    integration TEXT NOT NULL,
    person TEXT NOT NULL,
    choice TEXT NOT NULL,
    author TEXT NOT NULL,
    reason TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (integration, person)
) WITHOUT ROWID;

CREATE TABLE switch (
    integration TEXT NOT NULL,
    name TEXT NOT NULL,
    is_on INTEGER NOT NULL,
    author TEXT NOT NULL,
    reason TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (integration, name)
) WITHOUT ROWID;

-- What is and was known of people whom their vendor does not show; of one field, later facts have higher numbers.
CREATE TABLE fact (
    id INTEGER PRIMARY KEY,
    connection TEXT NOT NULL,
    kind TEXT NOT NULL,
    person TEXT NOT NULL,
    field TEXT NOT NULL,
    value TEXT NOT NULL,             -- JSON
    how TEXT NOT NULL,
    at INTEGER NOT NULL,
    author TEXT NOT NULL,
    stands INTEGER NOT NULL DEFAULT 1
);
CREATE UNIQUE INDEX fact_standing ON fact (connection, kind, person, field) WHERE stands = 1;
CREATE INDEX fact_history ON fact (connection, kind, person, field, id);

-- What a target holds of figures, as far as we sent them.
CREATE TABLE credit (
    connection TEXT NOT NULL,
    target TEXT NOT NULL,
    integration TEXT NOT NULL,
    kind TEXT NOT NULL,              -- of the source
    source TEXT NOT NULL,
    owner TEXT NOT NULL,
    sent TEXT NOT NULL,              -- JSON: [field, value]
    state TEXT NOT NULL,
    at INTEGER NOT NULL,
    person TEXT,                     -- of the source: whom it was let go for, where nobody was known
    stands TEXT,                     -- JSON: what the target still holds, where a later state was let go
    PRIMARY KEY (connection, target)
) WITHOUT ROWID;
CREATE INDEX credit_by_source ON credit (integration, kind, source, target);

ALTER TABLE record ADD COLUMN changed INTEGER NOT NULL DEFAULT 0; -- since it was first read
-- Rows that went, as they stood last or as the vendor showed them gone. None of them is in `record`.
CREATE TABLE gone (
    image INTEGER NOT NULL,
    id TEXT NOT NULL,
    at INTEGER NOT NULL,             -- when it went
    digest INTEGER NOT NULL,
    body BLOB NOT NULL,
    newcomers TEXT,
    changed INTEGER NOT NULL,
    PRIMARY KEY (image, id)
) WITHOUT ROWID;
CREATE INDEX gone_by_time ON gone (image, at);

CREATE INDEX hold_by_age ON hold (integration, since, id);
