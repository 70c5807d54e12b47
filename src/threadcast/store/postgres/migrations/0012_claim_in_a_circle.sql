-- works-with: 1
-- The next runs of users with runs that wait: of those behind after_user first, then from the
-- beginning, at most users_max. A row without a run names the last of these users, if there may be
-- others. `turns_of_all` is what earlier programs call.
CREATE FUNCTION turns_in_circle(
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
        last_user := next_user;
        looks := looks + 1;
        RETURN QUERY SELECT last_user, n.* FROM turns_of(last_user, agents, threads_max) AS n;
        IF looks = users_max THEN
            user_key := last_user;
            RETURN NEXT;
            EXIT;
        END IF;
    END LOOP;
END $$;
