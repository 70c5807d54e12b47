-- Journals and what belongs to them. Every key starts with the user, so that the same tables can be
-- distributed by user. `user_key` is a digest of the user's id, the same in every database; threads
-- and runs have numbers of their own within a user, given under the lock on the user's row. Rows of
-- users, threads and runs are never deleted, so a number never changes meaning.

-- threads, runs: the last numbers given. trim_us: before this time nothing of the journal is old.
-- imported: whether an import of older threads made the user.
CREATE TABLE users (
    user_key uuid NOT NULL,
    head bigint NOT NULL DEFAULT 0,
    trimmed bigint NOT NULL DEFAULT 0,
    trim_us bigint,
    revoked_before double precision NOT NULL DEFAULT 0,
    threads integer NOT NULL DEFAULT 0,
    runs integer NOT NULL DEFAULT 0,
    imported boolean NOT NULL DEFAULT false,
    user_id text NOT NULL,
    feed text NOT NULL,
    PRIMARY KEY (user_key)
) WITH (fillfactor = 50);
CREATE INDEX users_to_trim ON users (trim_us) WHERE trim_us IS NOT NULL;

-- state: 0 there, 1 deleted, 2 deleted and purged. Deltas do not move last_seq and updated_us.
-- ordinal: for walking through the threads of all users, when older ids are migrated.
CREATE TABLE threads (
    user_key uuid NOT NULL,
    first_seq bigint NOT NULL,
    last_seq bigint NOT NULL,
    created_us bigint NOT NULL,
    updated_us bigint NOT NULL,
    ordinal bigint GENERATED ALWAYS AS IDENTITY,
    thread integer NOT NULL,
    state smallint NOT NULL DEFAULT 0,
    thread_id text NOT NULL,
    title text,
    metadata text NOT NULL,
    PRIMARY KEY (user_key, thread),
    UNIQUE (user_key, thread_id)
);
CREATE INDEX threads_by_last_seq ON threads (user_key, last_seq) WHERE state = 0;
CREATE INDEX threads_to_purge ON threads (updated_us) WHERE state = 1;
CREATE INDEX threads_by_ordinal ON threads (ordinal);

-- Ids that older systems gave to threads. known: whether the id has a shape that the program can name;
-- others are looked for only where there are any.
CREATE TABLE thread_aliases (
    user_key uuid NOT NULL,
    uses bigint NOT NULL DEFAULT 0,
    last_used_us bigint,
    thread integer NOT NULL,
    known boolean NOT NULL DEFAULT true,
    legacy_id text NOT NULL,
    PRIMARY KEY (user_key, legacy_id)
);
CREATE INDEX thread_aliases_of_no_known_shape ON thread_aliases (known) WHERE NOT known;

-- What a migration of older ids made. origin: 1 renamed in place, 2 imported. last_seq is the thread's
-- when its migration was done; one that has another now has changed since.
CREATE TABLE migrated_threads (
    user_key uuid NOT NULL,
    ordinal bigint NOT NULL,
    last_seq bigint NOT NULL,
    thread integer NOT NULL,
    first_run integer,
    last_run integer,
    origin smallint NOT NULL,
    legacy_id text,
    PRIMARY KEY (user_key, thread)
);
CREATE INDEX migrated_threads_by_ordinal ON migrated_threads (ordinal);

-- status: 1 queued, 2 running, 3 waiting, 4 completed, 5 failed, 6 cancelled.
-- owner is set while a run is running or waiting, and only then; a run with the owner 'external' is
-- executed by another service, whatever its status, and lease_until is the time until which that may
-- be silent. lease_until and queued_at are times of the database's clock, and no others are compared
-- with them.
CREATE TABLE runs (
    user_key uuid NOT NULL,
    message_seq bigint NOT NULL,
    ended_seq bigint,
    created_us bigint NOT NULL,
    started_us bigint,
    ended_us bigint,
    queued_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    lease_until timestamptz,
    thread integer NOT NULL,
    run integer NOT NULL,
    fence integer NOT NULL DEFAULT 0,
    attempt integer NOT NULL DEFAULT 0,
    status smallint NOT NULL,
    compacted boolean NOT NULL DEFAULT false,
    owner text,
    cancel_reason text,
    run_id text NOT NULL,
    agent text NOT NULL,
    on_crash text NOT NULL,
    on_disconnect text NOT NULL,
    PRIMARY KEY (user_key, run),
    UNIQUE (user_key, run_id)
);
CREATE INDEX runs_live ON runs (user_key, thread, run) WHERE status <= 3;
CREATE INDEX runs_queued ON runs (queued_at) WHERE status = 1;
CREATE INDEX runs_owned ON runs (lease_until) WHERE owner IS NOT NULL;
CREATE INDEX runs_to_compact ON runs (ended_us) WHERE NOT compacted AND ended_us IS NOT NULL;

-- type: the code of the event type.
CREATE TABLE events (
    user_key uuid NOT NULL,
    seq bigint NOT NULL,
    at_us bigint NOT NULL,
    thread integer,
    run integer,
    type smallint NOT NULL,
    data bytea NOT NULL,
    PRIMARY KEY (user_key, seq)
);
CREATE INDEX events_of_history ON events (user_key, thread, seq) WHERE type IN (4, 13);

-- The users' own messages as they are listed and searched: how each begins, and its words.
CREATE TABLE messages (
    user_key uuid NOT NULL,
    seq bigint NOT NULL,
    thread integer NOT NULL,
    preview text NOT NULL,
    words text NOT NULL,
    PRIMARY KEY (user_key, seq)
);
CREATE INDEX messages_of_thread ON messages (user_key, thread, seq);

-- What every client_message_id did, for ever.
CREATE TABLE sends (
    user_key uuid NOT NULL,
    run integer NOT NULL,
    client_message_id text NOT NULL,
    digest bytea NOT NULL,
    PRIMARY KEY (user_key, client_message_id)
);

-- What every client_message_id of an event of another service did, for ever.
CREATE TABLE ingests (
    user_key uuid NOT NULL,
    seq bigint NOT NULL,
    client_message_id text NOT NULL,
    digest bytea NOT NULL,
    PRIMARY KEY (user_key, client_message_id)
);

-- Ids that older systems gave to runs.
CREATE TABLE run_aliases (
    user_key uuid NOT NULL,
    run integer NOT NULL,
    legacy_id text NOT NULL,
    PRIMARY KEY (user_key, legacy_id)
);

CREATE TABLE inputs (
    user_key uuid NOT NULL,
    expires_at double precision NOT NULL,
    run integer NOT NULL,
    ordinal integer NOT NULL,
    input_id text NOT NULL,
    prompt text NOT NULL,
    value text,
    PRIMARY KEY (user_key, run, ordinal)
);

CREATE TABLE checkpoints (
    user_key uuid NOT NULL,
    run integer NOT NULL,
    state bytea NOT NULL,
    PRIMARY KEY (user_key, run)
);

CREATE TABLE revoked_tokens (
    user_key uuid NOT NULL,
    expires_at double precision NOT NULL,
    token_id text NOT NULL,
    PRIMARY KEY (user_key, token_id)
);
CREATE INDEX revoked_tokens_by_expiry ON revoked_tokens (expires_at);

-- A second wall between users: a transaction sees the rows of the user that it has named and no
-- others, and none before it has named one. What is done for many users at once says so.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY[
        'users', 'threads', 'thread_aliases', 'migrated_threads', 'runs', 'run_aliases', 'events',
        'messages', 'sends', 'ingests', 'inputs', 'checkpoints', 'revoked_tokens'
    ] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format(
            'CREATE POLICY of_one_user ON %I FOR SELECT USING'
            ' (user_key = (SELECT nullif(current_setting(''threadcast.user_key'', true), '''')::uuid))',
            name
        );
        EXECUTE format(
            'CREATE POLICY of_all_users ON %I USING'
            ' ((SELECT current_setting(''threadcast.scope'', true)) = ''all'')',
            name
        );
    END LOOP;
END
$$;
