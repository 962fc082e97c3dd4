-- What serving needs: members and their sessions, the audit log, schedules and alarms, connections entered in the console.

ALTER TABLE integration ADD COLUMN editable INTEGER NOT NULL DEFAULT 0; -- may account managers edit the code table?
ALTER TABLE integration ADD COLUMN handled INTEGER;      -- the last due time acted upon
ALTER TABLE integration ADD COLUMN asked TEXT;           -- JSON: when and by whom a run was asked for
ALTER TABLE integration ADD COLUMN failures INTEGER NOT NULL DEFAULT 0;
ALTER TABLE integration ADD COLUMN quarantine TEXT;      -- JSON
ALTER TABLE integration ADD COLUMN expected INTEGER;     -- since when runs are expected
ALTER TABLE integration ADD COLUMN last_complete INTEGER;
ALTER TABLE integration ADD COLUMN last_ended TEXT;      -- JSON: run, when, outcome

CREATE TABLE member (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    folded TEXT NOT NULL UNIQUE,     -- the name without regard to case
    display_name TEXT NOT NULL,
    role TEXT NOT NULL,
    scope TEXT,                      -- JSON array; NULL: every integration
    active INTEGER NOT NULL,
    created INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    password TEXT                    -- PHC
);
CREATE TABLE session (
    digest BLOB PRIMARY KEY,
    data BLOB NOT NULL,
    expires INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX session_by_expiry ON session (expires);
CREATE TABLE invitation (
    digest BLOB PRIMARY KEY,
    member INTEGER,                  -- NULL: the first admin
    expires INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX invitation_by_expiry ON invitation (expires);
CREATE INDEX invitation_by_member ON invitation (member);
CREATE TABLE token (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    digest BLOB NOT NULL UNIQUE,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    scope TEXT,
    author TEXT NOT NULL,
    created INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    used INTEGER,
    revoked INTEGER
);

CREATE TABLE audit (
    number INTEGER PRIMARY KEY,      -- from 1 without gaps
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    object TEXT NOT NULL,
    detail TEXT NOT NULL,            -- JSON
    before BLOB NOT NULL,            -- the hash of the line before
    hash BLOB NOT NULL UNIQUE
);
CREATE INDEX audit_by_actor ON audit (actor, number);
CREATE INDEX audit_by_action ON audit (action, number);
CREATE INDEX audit_by_object ON audit (object, number);

CREATE TABLE episode (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    integration TEXT NOT NULL,
    alarm TEXT NOT NULL,
    message TEXT NOT NULL,
    began INTEGER NOT NULL,
    ended INTEGER,
    to_tell TEXT NOT NULL,           -- JSON array
    to_tell_end TEXT NOT NULL,       -- JSON array
    told TEXT NOT NULL DEFAULT '[]', -- JSON array: channels that know it began
    open INTEGER NOT NULL DEFAULT 1  -- not ended, or somebody still has to be told
);
CREATE UNIQUE INDEX episode_begun ON episode (integration, alarm) WHERE ended IS NULL;
CREATE INDEX episode_open ON episode (id) WHERE open = 1;

-- The first run that applied each version of a code table, and what it moved.
CREATE TABLE effect (
    integration TEXT NOT NULL,
    version INTEGER NOT NULL,
    run INTEGER NOT NULL,
    at INTEGER NOT NULL,
    moved TEXT NOT NULL,             -- JSON: [code, records]
    PRIMARY KEY (integration, version)
) WITHOUT ROWID;
CREATE TABLE approval (
    plan INTEGER NOT NULL,
    number INTEGER NOT NULL,
    line TEXT NOT NULL,              -- JSON authorship
    PRIMARY KEY (plan, number)
) WITHOUT ROWID;

-- When a code's rows last changed, whether they stand or left.
CREATE INDEX code_row_by_code ON code_row (integration, code, since, until);

-- Connections that were entered in the console.
CREATE TABLE connection (
    name TEXT PRIMARY KEY,
    vendor TEXT NOT NULL,
    settings TEXT NOT NULL,          -- JSON
    revision INTEGER NOT NULL
) WITHOUT ROWID;
-- Each connection's own key, also where only its slot is sealed.
CREATE TABLE data_key (
    connection TEXT PRIMARY KEY,
    master TEXT NOT NULL,            -- id of the master key that it is sealed under
    sealed BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE secret (
    connection TEXT NOT NULL,
    key TEXT NOT NULL,
    at INTEGER NOT NULL,             -- when it was set
    sealed BLOB NOT NULL,            -- under the connection's key
    PRIMARY KEY (connection, key)
) WITHOUT ROWID;
ALTER TABLE slot ADD COLUMN sealed BLOB; -- instead of the text, where a master key is given
-- Runs by how they ended (NULL: not yet), and plans that wait for somebody's word.
CREATE INDEX run_by_outcome ON run (json_extract(head, '$.outcome'), id);
CREATE INDEX run_by_integration_outcome ON run (integration, json_extract(head, '$.outcome'), id);
CREATE INDEX plan_waiting ON plan (id) WHERE state IN ('ready', 'refused');
CREATE INDEX plan_waiting_of_one ON plan (integration, id) WHERE state IN ('ready', 'refused');

-- Exchanges that carried changes, redacted; of the newest runs that had any.
CREATE TABLE exchange (
    id INTEGER PRIMARY KEY,
    integration TEXT NOT NULL,
    run INTEGER NOT NULL,
    body TEXT NOT NULL               -- JSON
);
CREATE INDEX exchange_by_run ON exchange (integration, run);
-- The changes that each was about, in ranges.
CREATE TABLE exchange_change (
    run INTEGER NOT NULL,
    last INTEGER NOT NULL,
    first INTEGER NOT NULL,
    exchange INTEGER NOT NULL,
    PRIMARY KEY (run, last, exchange)
) WITHOUT ROWID;
