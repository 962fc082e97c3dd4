-- Times are microseconds since 1970 in UTC. Text compares by bytes. JSON text is plain data that is never searched.

CREATE TABLE integration (
    name TEXT PRIMARY KEY,
    paused TEXT,                     -- JSON authorship; NULL: not paused
    codes_read INTEGER,              -- when a run last read the code table
    lease_token INTEGER NOT NULL DEFAULT 0,
    lease_machine TEXT,              -- NULL: nobody holds it
    lease_process INTEGER,
    lease_born INTEGER,
    lease_until INTEGER
) WITHOUT ROWID;

-- What each connection's name stands for: an account, and which of its records are seen.
CREATE TABLE tie (
    connection TEXT PRIMARY KEY,
    stands_for TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE slot (
    connection TEXT PRIMARY KEY,
    revision INTEGER NOT NULL,
    text TEXT
) WITHOUT ROWID;

CREATE TABLE image (
    id INTEGER PRIMARY KEY,
    connection TEXT NOT NULL,
    kind TEXT NOT NULL,
    fields TEXT NOT NULL,            -- JSON array
    key TEXT NOT NULL,
    rows INTEGER NOT NULL DEFAULT 0, -- rows that are not gone
    mark TEXT,
    complete_at INTEGER,
    fresh_at INTEGER,
    sorted INTEGER NOT NULL DEFAULT 1, -- record_key holds every row; not so while a first read fills an empty image
    UNIQUE (connection, kind, fields, key)
);

-- The read in progress of an image.
CREATE TABLE reading (
    image INTEGER PRIMARY KEY REFERENCES image (id),
    rows TEXT NOT NULL,              -- JSON: All or Since
    begun INTEGER NOT NULL DEFAULT 0,
    fresh INTEGER NOT NULL,          -- began on an empty image: its rows are the distinct ids
    distinct_ids INTEGER NOT NULL DEFAULT 0,
    total INTEGER,
    whole INTEGER,
    mark TEXT
);
CREATE TABLE cursor (
    image INTEGER NOT NULL,
    number INTEGER NOT NULL,
    digest INTEGER NOT NULL,         -- of the text, to find it by
    text TEXT NOT NULL,
    PRIMARY KEY (image, number)
) WITHOUT ROWID;
CREATE INDEX cursor_by_digest ON cursor (image, digest);
-- Ids a read of a non-empty image came across, so that unchanged rows need not be rewritten.
CREATE TABLE seen (
    image INTEGER NOT NULL,
    id TEXT NOT NULL,
    PRIMARY KEY (image, id)
) WITHOUT ROWID;

CREATE TABLE record (
    image INTEGER NOT NULL,
    id TEXT NOT NULL,
    k TEXT NOT NULL,                 -- the join key's value, '' where it has none
    digest INTEGER NOT NULL,         -- of the body without the time of change
    body BLOB NOT NULL,              -- a format byte, then postcard
    newcomers TEXT,                  -- JSON; NULL: none
    PRIMARY KEY (image, id)
) WITHOUT ROWID;
-- Finds rows by their key. Not an index of `record`: a first read brings keys in any order, and sorting them once at its end costs far less than
-- finding each its place.
CREATE TABLE record_key (
    image INTEGER NOT NULL,
    k TEXT NOT NULL,
    id TEXT NOT NULL,
    PRIMARY KEY (image, k, id)
) WITHOUT ROWID;

CREATE TABLE code_row (
    integration TEXT NOT NULL,
    code TEXT NOT NULL,
    user TEXT,
    successor TEXT,
    since INTEGER NOT NULL,          -- the version that brought it
    until INTEGER                    -- the version that removed it; NULL: it stands
);
CREATE INDEX code_row_standing ON code_row (integration, code) WHERE until IS NULL;
CREATE INDEX code_row_since ON code_row (integration, since);
CREATE INDEX code_row_until ON code_row (integration, until) WHERE until IS NOT NULL;
CREATE TABLE code_version (
    integration TEXT NOT NULL,
    version INTEGER NOT NULL,
    author TEXT NOT NULL,
    reason TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (integration, version)
) WITHOUT ROWID;
CREATE TABLE code_count (
    integration TEXT NOT NULL,
    code TEXT NOT NULL,
    records INTEGER NOT NULL,
    PRIMARY KEY (integration, code)
) WITHOUT ROWID;

CREATE TABLE plan (
    id INTEGER PRIMARY KEY,
    integration TEXT NOT NULL,
    state TEXT NOT NULL,
    head TEXT NOT NULL               -- JSON of the rest
);
CREATE INDEX plan_by_integration ON plan (integration, id);
CREATE INDEX plan_open ON plan (integration) WHERE state NOT IN ('applying', 'applied', 'dropped');
CREATE INDEX plan_dropped ON plan (integration, id) WHERE state = 'dropped';
CREATE TABLE change (
    plan INTEGER NOT NULL,
    number INTEGER NOT NULL,
    body BLOB NOT NULL,              -- JSON
    PRIMARY KEY (plan, number)
) WITHOUT ROWID;

CREATE TABLE run (
    id INTEGER PRIMARY KEY,
    integration TEXT NOT NULL,
    ended INTEGER,
    head TEXT NOT NULL               -- JSON of the rest
);
CREATE INDEX run_by_integration ON run (integration, id);
CREATE INDEX run_unfinished ON run (integration) WHERE ended IS NULL;
CREATE TABLE journal (
    run INTEGER NOT NULL,
    step TEXT NOT NULL,
    result TEXT NOT NULL,
    PRIMARY KEY (run, step)
) WITHOUT ROWID;

CREATE TABLE entry (
    id INTEGER PRIMARY KEY,
    run INTEGER NOT NULL,
    change INTEGER NOT NULL,
    integration TEXT NOT NULL,
    connection TEXT NOT NULL,
    kind TEXT NOT NULL,
    target TEXT NOT NULL,
    code TEXT NOT NULL,
    state TEXT NOT NULL,
    settled_at INTEGER,
    attempts INTEGER NOT NULL,
    note TEXT,
    head TEXT NOT NULL               -- JSON of what never changes
);
CREATE UNIQUE INDEX entry_by_run ON entry (run, change);
CREATE INDEX entry_of_run ON entry (run, id);
CREATE INDEX entry_by_target ON entry (connection, kind, target, id);
CREATE INDEX entry_by_code ON entry (integration, code, id);
CREATE INDEX entry_open ON entry (integration, id) WHERE state IN ('intended', 'unknown');
CREATE TABLE work (
    id INTEGER PRIMARY KEY,
    integration TEXT NOT NULL,
    reason TEXT NOT NULL,
    subject TEXT NOT NULL,
    message TEXT NOT NULL,
    mend TEXT NOT NULL,
    first_seen INTEGER NOT NULL,
    last_seen INTEGER NOT NULL,
    closed INTEGER,
    plan INTEGER,                    -- the plan that saw it last; NULL: not found by a plan
    UNIQUE (integration, reason, subject)
);
CREATE INDEX work_by_integration ON work (integration, id);
CREATE INDEX work_open ON work (integration, id) WHERE closed IS NULL;
CREATE TABLE hold (
    id INTEGER PRIMARY KEY AUTOINCREMENT, -- people name it: a number is never used twice
    integration TEXT NOT NULL,
    kind TEXT NOT NULL,
    target TEXT NOT NULL,
    since INTEGER NOT NULL,
    plan INTEGER NOT NULL,
    body TEXT NOT NULL,              -- JSON
    UNIQUE (integration, kind, target)
);
CREATE INDEX hold_by_integration ON hold (integration, id);
