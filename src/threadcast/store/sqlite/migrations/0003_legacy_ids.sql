-- Ids of older systems: which of them are still used, and what a migration made.

-- known: whether the older id has a shape that the program can name; others are looked for only
-- where there are any. uses counts from the migration on.
ALTER TABLE thread_aliases ADD COLUMN known INTEGER NOT NULL DEFAULT 1;
ALTER TABLE thread_aliases ADD COLUMN uses INTEGER NOT NULL DEFAULT 0;
ALTER TABLE thread_aliases ADD COLUMN last_used_us INTEGER;
CREATE INDEX thread_aliases_of_no_known_shape ON thread_aliases (known) WHERE known = 0;

-- origin: 1 renamed in place, 2 imported. last_seq is the thread's when its migration was done; one
-- that has another now has changed since.
CREATE TABLE migrated_threads (
    thread INTEGER PRIMARY KEY,
    user INTEGER NOT NULL,
    origin INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,
    first_run INTEGER,
    last_run INTEGER,
    legacy_id TEXT
) STRICT;

-- So that what a deleted thread left is found without a look at all that its user has.
CREATE INDEX runs_of_thread ON runs (thread);
CREATE INDEX thread_aliases_of_thread ON thread_aliases (thread);
CREATE INDEX run_aliases_of_run ON run_aliases (run);

-- imported: whether an import made the user.
ALTER TABLE users ADD COLUMN imported INTEGER NOT NULL DEFAULT 0;
