-- works-with: 1
-- Appends name who holds the lease, beside its fence: a copy of the database that lost its tail gives out
-- the fences of the tail again, perhaps to others. The function is that of step 9 and looks at one thing
-- more: unit_owner, one entry for each append, is who must be the owner of its run. A program that does
-- not know of it calls the function without.
DROP FUNCTION append_to_runs(
    bigint, uuid[], integer[], integer[], text[], bigint[], integer[], integer[], smallint[],
    integer[], smallint[], bytea[]
);

CREATE FUNCTION append_to_runs(
    at_us bigint, keys uuid[], grown integer[],
    unit_user integer[], unit_run text[], unit_word bigint[], unit_shift integer[],
    unit_moves integer[], unit_ends smallint[],
    event_unit integer[], event_type smallint[], event_data bytea[],
    unit_owner text[] DEFAULT NULL,
    OUT heads bigint[], OUT others_wait boolean
)
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
#variable_conflict use_column
DECLARE
    now_us CONSTANT bigint := at_us;
    found uuid[];
    before bigint[];
    threads integer[];
    runs integer[];
BEGIN
    SELECT array_agg(l.user_key), array_agg(l.head) INTO found, before FROM (
        SELECT u.user_key, u.head FROM users AS u WHERE u.user_key = ANY(keys)
        ORDER BY u.user_key FOR UPDATE
    ) AS l;
    IF found IS DISTINCT FROM keys THEN
        RETURN;
    END IF;

    SELECT array_agg(l.thread), array_agg(l.run) INTO threads, runs FROM (
        SELECT r.thread, r.run
        FROM unnest(unit_user, unit_run, unit_word, unit_owner) WITH ORDINALITY
        AS n (who, run_id, word, owner, place)
        JOIN runs AS r ON r.user_key = keys[n.who] AND r.run_id = n.run_id
        WHERE r.fence::bigint * 8 + r.status = n.word AND (n.owner IS NULL OR r.owner = n.owner)
        ORDER BY n.place
    ) AS l;
    IF cardinality(runs) IS DISTINCT FROM cardinality(unit_run) THEN
        RETURN;
    END IF;

    INSERT INTO events (user_key, seq, at_us, thread, run, type, data)
    SELECT keys[unit_user[n.unit]],
        before[unit_user[n.unit]] + unit_shift[n.unit] + n.place,
        now_us, threads[n.unit], runs[n.unit], n.type, n.data
    FROM unnest(event_unit, event_type, event_data) WITH ORDINALITY AS n (unit, type, data, place);

    UPDATE users SET head = users.head + n.grown, trim_us = coalesce(users.trim_us, now_us)
    FROM unnest(keys, grown) AS n (user_key, grown)
    WHERE users.user_key = n.user_key AND n.grown > 0;

    UPDATE threads SET last_seq = n.seq, updated_us = now_us FROM (
        SELECT keys[m.who] AS user_key, threads[m.place] AS thread, max(before[m.who] + m.moves) AS seq
        FROM unnest(unit_user, unit_moves) WITH ORDINALITY AS m (who, moves, place)
        WHERE m.moves IS NOT NULL GROUP BY 1, 2
    ) AS n
    WHERE threads.user_key = n.user_key AND threads.thread = n.thread;

    heads := before;
    others_wait := false;
    IF cardinality(array_remove(unit_ends, NULL)) > 0 THEN
        UPDATE runs SET status = n.ends, ended_seq = n.seq, ended_us = now_us, owner = NULL,
        lease_until = NULL
        FROM (
            SELECT keys[e.who] AS user_key, runs[e.place] AS run, e.ends, before[e.who] + e.moves AS seq
            FROM unnest(unit_user, unit_moves, unit_ends) WITH ORDINALITY
            AS e (who, moves, ends, place)
            WHERE e.ends IS NOT NULL
        ) AS n
        WHERE runs.user_key = n.user_key AND runs.run = n.run;

        SELECT bool_or(EXISTS (
            SELECT FROM runs AS w
            WHERE w.user_key = keys[e.who] AND w.status = 1 AND w.owner IS NULL
        )) INTO others_wait
        FROM unnest(unit_user, unit_ends) AS e (who, ends) WHERE e.ends IS NOT NULL;
    END IF;
END
$$;
