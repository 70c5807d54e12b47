-- works-with: 1
-- Whose runs are next, at most runs_max runs: of the users who are told, and of those in the circle
-- behind after_user. Each of them is locked for claiming until the transaction ends; those whom another
-- node has locked are left out. last_user: of the circle's users the last that was looked at, if there
-- may be others. In a function, because the writer has every statement planned anew.
CREATE FUNCTION lock_next_users(
    agents text[], after_user uuid, told uuid[], users_max integer, threads_max integer,
    runs_max integer
)
RETURNS TABLE (users uuid[], last_user uuid)
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    RETURN QUERY WITH turns AS MATERIALIZED (
        SELECT * FROM turns_in_circle(agents, after_user, users_max, threads_max)
        UNION
        SELECT k.user_key, t.* FROM unnest(told) AS k (user_key)
        CROSS JOIN LATERAL turns_of(k.user_key, agents, threads_max) AS t
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
    (SELECT l.user_key FROM turns AS l WHERE l.run IS NULL);
END $$;
