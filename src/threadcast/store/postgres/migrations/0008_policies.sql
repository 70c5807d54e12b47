-- works-with: 1
-- The wall of those who write for all users, said so that the planner takes it for open or closed. It
-- took the words before for a rare match: a table of ten thousand rows seemed to have one, and a batch
-- was joined with all of them.
DO $$
DECLARE
    name text;
BEGIN
    FOR name IN
        SELECT tablename FROM pg_policies
        WHERE policyname = 'of_all_users' AND schemaname = current_schema() ORDER BY tablename
    LOOP
        EXECUTE format(
            'ALTER POLICY of_all_users ON %I USING'
            ' ((SELECT current_setting(''threadcast.scope'', true) = ''all''))',
            name
        );
    END LOOP;
END
$$;
