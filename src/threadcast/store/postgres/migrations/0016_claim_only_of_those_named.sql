-- works-with: 1
-- Whose runs are next, at most runs_max runs: of the users named, and of those in the circle behind
-- after_user. Each of them is locked for claiming until the transaction ends; those whom another
-- node has locked are left out. last_user: of the circle's users the last that was looked at, if there
-- may be others. Without after_user only those named are looked at. In a function, because the writer
-- has every statement planned anew.
CREATE OR REPLACE FUNCTION lock_next_users(
    agents text[], after_user uuid, named uuid[], users_max integer, threads_max integer,
    runs_max integer
)
RETURNS TABLE (users uuid[], last_user uuid)
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    RETURN QUERY WITH circle AS MATERIALIZED (
        SELECT c.* FROM (SELECT WHERE after_user IS NOT NULL) AS o
        CROSS JOIN LATERAL turns_in_circle(agents, after_user, users_max, threads_max) AS c
    ), turns AS (
        SELECT * FROM circle
        UNION ALL
        SELECT k.user_key, t.* FROM unnest(named) AS k (user_key)
        CROSS JOIN LATERAL turns_of(k.user_key, agents, threads_max) AS t
        WHERE k.user_key NOT IN (SELECT c.user_key FROM circle AS c WHERE c.run IS NOT NULL)
    ), next AS (
        SELECT n.user_key FROM turns AS n WHERE n.run IS NOT NULL
        ORDER BY n.turn, n.queued_at, n.user_key, n.run LIMIT runs_max
    ), served AS (
        SELECT o.user_key FROM (SELECT DISTINCT n.user_key FROM next AS n OFFSET 0) AS o
        WHERE pg_try_advisory_xact_lock(
            hashtextextended(current_schema() || o.user_key::text, 0)
        )
    )
    SELECT (SELECT array_agg(s.user_key) FROM served AS s),
    (SELECT c.user_key FROM circle AS c WHERE c.run IS NULL);
END $$;
