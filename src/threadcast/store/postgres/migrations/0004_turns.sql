-- works-with: 1
-- Claims take turns between users. Who is next is found by these indexes alone, however much waits.

-- executing_max: so many of the user's runs may be executed at once, as it was when the message was
-- sent; NULL: any number. handed_over: how many of the attempts ended because a node was stopped in
-- order, which is no crash.
ALTER TABLE runs ADD COLUMN executing_max integer;
ALTER TABLE runs ADD COLUMN handed_over integer NOT NULL DEFAULT 0;

CREATE INDEX runs_next ON runs (user_key, thread, run) WHERE status = 1 AND owner IS NULL;
CREATE INDEX runs_taken ON runs (user_key, thread) WHERE owner IS NOT NULL;
-- Runs that their owner is to end and has not ended yet: few at any time.
CREATE INDEX runs_asked ON runs (owner) WHERE owner IS NOT NULL AND cancel_reason IS NOT NULL;

-- The turns of one user's runs that are next in their threads, lower turns first; those beyond a run's
-- executing_max are left out. It looks at the threads with runs that wait, at most threads_max, one
-- look into an index for each. A queued run that has an owner is executed by another service.
CREATE FUNCTION turns_of(of_user uuid, agents text[], threads_max integer)
RETURNS TABLE (run integer, queued_at timestamptz, turn bigint)
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    executing bigint;
    last_thread integer := -2147483648;
    head record;
    heads integer[] := '{}';
BEGIN
    SELECT count(*) INTO executing FROM runs AS r
    WHERE r.user_key = of_user AND r.owner IS NOT NULL AND r.owner <> 'external';
    FOR looks IN 1..threads_max LOOP
        SELECT r.thread, r.run, r.agent INTO head FROM runs AS r
        WHERE r.user_key = of_user AND r.status = 1 AND r.owner IS NULL AND r.thread > last_thread
        ORDER BY r.thread, r.run LIMIT 1;
        EXIT WHEN NOT FOUND;
        last_thread := head.thread;
        IF head.agent = ANY (agents) AND NOT EXISTS (
            SELECT FROM runs AS o
            WHERE o.user_key = of_user AND o.thread = head.thread AND o.owner IS NOT NULL
            AND (o.status > 1 OR o.run < head.run)
        ) THEN
            heads := heads || head.run;
        END IF;
    END LOOP;
    RETURN QUERY SELECT n.run, n.queued_at, n.turn FROM (
        SELECT r.run, r.queued_at, r.executing_max,
        executing + row_number() OVER (ORDER BY r.queued_at, r.run) AS turn
        FROM unnest(heads) AS h (run) JOIN runs AS r ON r.user_key = of_user AND r.run = h.run
    ) AS n WHERE n.executing_max IS NULL OR n.turn <= n.executing_max;
END $$;

-- The same for users with runs that wait: those behind after_user first, then from the beginning, at
-- most users_max.
CREATE FUNCTION turns_of_all(
    agents text[], after_user uuid, users_max integer, threads_max integer
)
RETURNS TABLE (user_key uuid, run integer, queued_at timestamptz, turn bigint)
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    last_user uuid := after_user;
    end_user uuid := 'ffffffff-ffff-ffff-ffff-ffffffffffff';
    next_user uuid;
    looks integer := 0;
BEGIN
    LOOP
        SELECT r.user_key INTO next_user FROM runs AS r
        WHERE r.status = 1 AND r.owner IS NULL AND r.user_key > last_user
        ORDER BY r.user_key LIMIT 1;
        IF NOT FOUND OR next_user > end_user THEN
            EXIT WHEN end_user = after_user;
            end_user := after_user;
            last_user := '00000000-0000-0000-0000-000000000000';
            CONTINUE;
        END IF;
        EXIT WHEN looks = users_max;
        looks := looks + 1;
        last_user := next_user;
        RETURN QUERY SELECT next_user, n.* FROM turns_of(next_user, agents, threads_max) AS n;
    END LOOP;
END $$;
