-- works-with: 1
-- One secret of the nodes on this database: under it they know each other's hints on the bus.
CREATE TABLE cluster (
    is_only_row boolean PRIMARY KEY DEFAULT true CHECK (is_only_row),
    secret text NOT NULL
);
INSERT INTO cluster (secret) VALUES (gen_random_uuid()::text || gen_random_uuid()::text);
ALTER TABLE cluster ENABLE ROW LEVEL SECURITY;
ALTER TABLE cluster FORCE ROW LEVEL SECURITY;
CREATE POLICY of_all_users ON cluster
    USING ((SELECT current_setting('threadcast.scope', true)) = 'all');
