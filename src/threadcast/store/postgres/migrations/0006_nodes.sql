-- works-with: 1
-- Which nodes are at work, and where their connections are. UNLOGGED: nothing here outlives a crash
-- of the database, and nothing has to. Nodes put theirs again when they find it gone, and a place
-- costs no write to the log.

-- lease_until is a time of the database's clock. connections and runs are as the node counted them
-- when it last renewed its lease.
CREATE UNLOGGED TABLE nodes (
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    lease_until timestamptz NOT NULL,
    connections integer NOT NULL DEFAULT 0,
    runs integer NOT NULL DEFAULT 0,
    node_id text NOT NULL,
    version text NOT NULL,
    role text NOT NULL,
    PRIMARY KEY (node_id)
);

-- A place counts while its node's lease is valid and it is not marked. unwanted: the error code that
-- the connection is to end with; its node looks for such marks.
CREATE UNLOGGED TABLE connections (
    user_key uuid NOT NULL,
    opened_us bigint NOT NULL,
    connection_id text NOT NULL,
    node_id text NOT NULL,
    kind text NOT NULL,
    unwanted text,
    PRIMARY KEY (user_key, connection_id)
);
CREATE INDEX connections_of_node ON connections (node_id);
CREATE INDEX connections_unwanted ON connections (node_id) WHERE unwanted IS NOT NULL;

-- When credentials of a user were last revoked, by the database's clock: nodes look for what is new.
CREATE TABLE revocations (
    user_key uuid NOT NULL,
    revoked_at timestamptz NOT NULL,
    PRIMARY KEY (user_key)
);
CREATE INDEX revocations_by_time ON revocations (revoked_at);

-- The second wall between users, as for the tables before.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['connections', 'revocations'] LOOP
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
