-- Journals and what belongs to them. Text ids live at the edge; inside, rows name each other by
-- integers. Rows of users, threads and runs are never deleted, so an integer never changes meaning.

CREATE TABLE users (
    user INTEGER PRIMARY KEY,
    user_id TEXT NOT NULL UNIQUE,
    feed TEXT NOT NULL,
    head INTEGER NOT NULL DEFAULT 0,
    trimmed INTEGER NOT NULL DEFAULT 0,
    revoked_before REAL NOT NULL DEFAULT 0
) STRICT;

-- state: 0 there, 1 deleted, 2 deleted and purged. Deltas do not move last_seq and updated_us.
CREATE TABLE threads (
    thread INTEGER PRIMARY KEY,
    user INTEGER NOT NULL,
    state INTEGER NOT NULL DEFAULT 0,
    first_seq INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,
    created_us INTEGER NOT NULL,
    updated_us INTEGER NOT NULL,
    thread_id TEXT NOT NULL,
    title TEXT,
    metadata TEXT NOT NULL,
    UNIQUE (user, thread_id)
) STRICT;
CREATE INDEX threads_by_last_seq ON threads (user, last_seq) WHERE state = 0;
CREATE INDEX threads_to_purge ON threads (updated_us) WHERE state = 1;

-- Ids that older systems gave to threads.
CREATE TABLE thread_aliases (
    user INTEGER NOT NULL,
    legacy_id TEXT NOT NULL,
    thread INTEGER NOT NULL,
    PRIMARY KEY (user, legacy_id)
) STRICT, WITHOUT ROWID;

-- status: 1 queued, 2 running, 3 waiting, 4 completed, 5 failed, 6 cancelled.
-- owner is set while a run is running or waiting, and only then.
CREATE TABLE runs (
    run INTEGER PRIMARY KEY,
    user INTEGER NOT NULL,
    thread INTEGER NOT NULL,
    status INTEGER NOT NULL,
    fence INTEGER NOT NULL DEFAULT 0,
    attempt INTEGER NOT NULL DEFAULT 0,
    message_seq INTEGER NOT NULL,
    ended_seq INTEGER,
    created_us INTEGER NOT NULL,
    started_us INTEGER,
    ended_us INTEGER,
    compacted INTEGER NOT NULL DEFAULT 0,
    lease_until REAL,
    owner TEXT,
    cancel_reason TEXT,
    run_id TEXT NOT NULL,
    agent TEXT NOT NULL,
    on_crash TEXT NOT NULL,
    on_disconnect TEXT NOT NULL,
    UNIQUE (user, run_id)
) STRICT;
CREATE INDEX runs_queued ON runs (run) WHERE status = 1;
CREATE INDEX runs_live ON runs (user, thread, run) WHERE status <= 3;
CREATE INDEX runs_owned ON runs (lease_until) WHERE owner IS NOT NULL;
CREATE INDEX runs_to_compact ON runs (ended_us) WHERE compacted = 0 AND ended_us IS NOT NULL;

-- type: the code of the event type. id grows in commit order.
CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    user INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    thread INTEGER,
    run INTEGER,
    type INTEGER NOT NULL,
    at_us INTEGER NOT NULL,
    data BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX events_by_seq ON events (user, seq);
CREATE INDEX events_of_history ON events (thread, seq) WHERE type IN (4, 13);

-- What every client_message_id did, for ever.
CREATE TABLE sends (
    user INTEGER NOT NULL,
    client_message_id TEXT NOT NULL,
    digest BLOB NOT NULL,
    run INTEGER NOT NULL,
    PRIMARY KEY (user, client_message_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE inputs (
    run INTEGER NOT NULL,
    ordinal INTEGER NOT NULL,
    input_id TEXT NOT NULL,
    prompt TEXT NOT NULL,
    expires_at REAL NOT NULL,
    value TEXT,
    PRIMARY KEY (run, ordinal)
) STRICT, WITHOUT ROWID;

CREATE TABLE checkpoints (
    run INTEGER PRIMARY KEY,
    state BLOB NOT NULL
) STRICT;

CREATE TABLE revoked_tokens (
    user INTEGER NOT NULL,
    token_id TEXT NOT NULL,
    expires_at REAL NOT NULL,
    PRIMARY KEY (user, token_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX revoked_tokens_by_expiry ON revoked_tokens (expires_at);

-- The users' own messages by word; rowid is the run that the message began. `owner` holds one word
-- that stands for the user, so that every search is cut down to one user by the index itself.
CREATE VIRTUAL TABLE message_words USING fts5 (
    owner, content, content = '', contentless_delete = 1, tokenize = 'unicode61'
);
