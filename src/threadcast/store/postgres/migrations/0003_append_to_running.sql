-- works-with: 1
-- Appends to runs that are running, by one call: all of them are stored, or none.
--
-- keys: the users who are to be locked, in ascending order, without doubles; grown: by how many events
-- each one's journal grows. unit_*: one entry for each append: the place of its user in keys; its run,
-- and the word (fence * 8 + status) that the run must have; its first seq, less the place of its first
-- event; the last event that moves its thread, counted within what the user's journal grows by, or
-- NULL. event_*: one entry for each event, those of an append together: the place of its append.
--
-- Returns the heads before, in the order of keys. NULL when a user is not there or a run has another
-- word: then nothing was changed, and those who are there are locked.
--
-- One statement after another, so that each sees what was committed before the locks were held. Plans
-- are made once for batches of all sizes, and keep to the keys' indexes however small a table was.
CREATE FUNCTION append_to_running(
    at_us bigint, keys uuid[], grown integer[],
    unit_user integer[], unit_run text[], unit_word bigint[], unit_shift integer[],
    unit_moves integer[],
    event_unit integer[], event_type smallint[], event_data bytea[]
) RETURNS bigint[]
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
    heads bigint[];
    threads integer[];
    runs integer[];
BEGIN
    SELECT array_agg(l.user_key), array_agg(l.head) INTO found, heads FROM (
        SELECT u.user_key, u.head FROM users AS u WHERE u.user_key = ANY(keys)
        ORDER BY u.user_key FOR UPDATE
    ) AS l;
    IF found IS DISTINCT FROM keys THEN
        RETURN NULL;
    END IF;

    SELECT array_agg(l.thread), array_agg(l.run) INTO threads, runs FROM (
        SELECT r.thread, r.run
        FROM unnest(unit_user, unit_run, unit_word) WITH ORDINALITY AS n (who, run_id, word, place)
        JOIN runs AS r ON r.user_key = keys[n.who] AND r.run_id = n.run_id
        WHERE r.fence::bigint * 8 + r.status = n.word
        ORDER BY n.place
    ) AS l;
    IF cardinality(runs) IS DISTINCT FROM cardinality(unit_run) THEN
        RETURN NULL;
    END IF;

    INSERT INTO events (user_key, seq, at_us, thread, run, type, data)
    SELECT keys[unit_user[n.unit]],
        heads[unit_user[n.unit]] + unit_shift[n.unit] + n.place,
        now_us, threads[n.unit], runs[n.unit], n.type, n.data
    FROM unnest(event_unit, event_type, event_data) WITH ORDINALITY AS n (unit, type, data, place);

    UPDATE users SET head = users.head + n.grown, trim_us = coalesce(users.trim_us, now_us)
    FROM unnest(keys, grown) AS n (user_key, grown)
    WHERE users.user_key = n.user_key AND n.grown > 0;

    UPDATE threads SET last_seq = n.seq, updated_us = now_us FROM (
        SELECT keys[m.who] AS user_key, threads[m.place] AS thread, max(heads[m.who] + m.moves) AS seq
        FROM unnest(unit_user, unit_moves) WITH ORDINALITY AS m (who, moves, place)
        WHERE m.moves IS NOT NULL GROUP BY 1, 2
    ) AS n
    WHERE threads.user_key = n.user_key AND threads.thread = n.thread;

    RETURN heads;
END
$$;
