-- works-with: 1
-- What operators ask: how nodes are, where connections are in their journals, whose run it is that
-- has a given id, and what operators did.

-- summary: what the node said of itself when it last renewed its lease, as JSON. drain: whether it
-- was asked to take no new work; it looks for that.
ALTER TABLE nodes ADD COLUMN summary TEXT;
ALTER TABLE nodes ADD COLUMN drain INTEGER NOT NULL DEFAULT 0;

-- agent: as the client named itself. asked: whether the node is to say where its connection is, in
-- cursor and live; said_at is a time of the store's clock.
ALTER TABLE connections ADD COLUMN agent TEXT;
ALTER TABLE connections ADD COLUMN cursor INTEGER;
ALTER TABLE connections ADD COLUMN live INTEGER;
ALTER TABLE connections ADD COLUMN said_at REAL;
ALTER TABLE connections ADD COLUMN asked INTEGER NOT NULL DEFAULT 0;
CREATE INDEX connections_asked ON connections (node_id) WHERE asked;

-- An operator has a run's id from a log, and not its user.
CREATE INDEX runs_by_id ON runs (run_id);

-- What operators did. target names a user, a connection, a run or a node; user_id says whose it is.
CREATE TABLE operator_actions (
    ordinal INTEGER PRIMARY KEY,
    at_us INTEGER NOT NULL,
    action_id TEXT NOT NULL UNIQUE,
    operator TEXT NOT NULL,
    action TEXT NOT NULL,
    target TEXT NOT NULL,
    user_id TEXT,
    reason TEXT,
    outcome TEXT NOT NULL,
    detail TEXT,
    node_id TEXT NOT NULL,
    request_id TEXT NOT NULL
) STRICT;
