-- works-with: 1
-- Which nodes are at work, and where their connections are. One server has the file and counts its
-- connections itself; these are here so that every store promises the same.

-- lease_until is a time of the store's clock. connections and runs are as the node counted them when
-- it last renewed its lease.
CREATE TABLE nodes (
    node_id TEXT PRIMARY KEY,
    version TEXT NOT NULL,
    role TEXT NOT NULL,
    started_at REAL NOT NULL,
    lease_until REAL NOT NULL,
    connections INTEGER NOT NULL DEFAULT 0,
    runs INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

-- A place counts while its node's lease is valid and it is not marked. unwanted: the error code that
-- the connection is to end with; its node looks for such marks.
CREATE TABLE connections (
    user INTEGER NOT NULL,
    connection_id TEXT NOT NULL,
    node_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    opened_us INTEGER NOT NULL,
    unwanted TEXT,
    PRIMARY KEY (user, connection_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX connections_of_node ON connections (node_id);

-- When credentials of a user were last revoked, by the store's clock.
CREATE TABLE revocations (
    user INTEGER PRIMARY KEY,
    revoked_at REAL NOT NULL
) STRICT;
CREATE INDEX revocations_by_time ON revocations (revoked_at);
