-- works-with: 1
-- What operators ask: how nodes are, where connections are in their journals, whose run it is that
-- has a given id, and what operators did.

-- summary: what the node said of itself when it last renewed its lease, as JSON. drain: whether it
-- was asked to take no new work; it looks for that.
ALTER TABLE nodes ADD COLUMN summary text;
ALTER TABLE nodes ADD COLUMN drain boolean NOT NULL DEFAULT false;

-- agent: as the client named itself. asked: whether the node is to say where its connection is, in
-- cursor and live; said_at is a time of the database's clock.
ALTER TABLE connections ADD COLUMN agent text;
ALTER TABLE connections ADD COLUMN cursor bigint;
ALTER TABLE connections ADD COLUMN live boolean;
ALTER TABLE connections ADD COLUMN said_at timestamptz;
ALTER TABLE connections ADD COLUMN asked boolean NOT NULL DEFAULT false;
CREATE INDEX connections_asked ON connections (node_id) WHERE asked;

-- An operator has a run's id from a log, and not its user. The index is of an expression, so that no
-- statement that names its user is ever answered by way of the rows of others.
CREATE INDEX runs_by_id ON runs (hashtextextended(run_id, 0));

-- What operators did. target names a user, a connection, a run or a node; user_id says whose it is.
CREATE TABLE operator_actions (
    ordinal bigint GENERATED ALWAYS AS IDENTITY,
    at_us bigint NOT NULL,
    action_id text NOT NULL,
    operator text NOT NULL,
    action text NOT NULL,
    target text NOT NULL,
    user_id text,
    reason text,
    outcome text NOT NULL,
    detail text,
    node_id text NOT NULL,
    request_id text NOT NULL,
    PRIMARY KEY (ordinal),
    UNIQUE (action_id)
);

-- It names users: only what is done for all of them sees it.
ALTER TABLE operator_actions ENABLE ROW LEVEL SECURITY;
ALTER TABLE operator_actions FORCE ROW LEVEL SECURITY;
CREATE POLICY of_all_users ON operator_actions USING
    ((SELECT current_setting('threadcast.scope', true)) = 'all');
