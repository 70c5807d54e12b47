-- Events that other services append: what each of their names did, and runs by their older ids.
-- A run with the owner 'external' is executed by another service, whatever its status: no node claims
-- it. Its lease_until is the time until which the service may be silent.

-- What every client_message_id of an ingested event did, for ever.
CREATE TABLE ingests (
    user INTEGER NOT NULL,
    client_message_id TEXT NOT NULL,
    digest BLOB NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (user, client_message_id)
) STRICT, WITHOUT ROWID;

-- Ids that older systems gave to runs.
CREATE TABLE run_aliases (
    user INTEGER NOT NULL,
    legacy_id TEXT NOT NULL,
    run INTEGER NOT NULL,
    PRIMARY KEY (user, legacy_id)
) STRICT, WITHOUT ROWID;
