-- works-with: 1
-- What a step of maintenance does to one run, journal or thread, in one call; its caller has locked
-- the row. Each removes at most rows_max events and says how much it did, which is rows_max if there
-- may be more to do.

-- Removes the deltas of a run that ended.
CREATE FUNCTION compact_run(
    of_user uuid, of_run integer, first_seq bigint, last_seq bigint, delta_type smallint,
    rows_max bigint
)
RETURNS bigint
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
DECLARE
    gone bigint;
BEGIN
    DELETE FROM events WHERE user_key = of_user AND seq IN (
        SELECT seq FROM events
        WHERE user_key = of_user AND seq BETWEEN first_seq AND last_seq AND run = of_run
        AND type = delta_type
        ORDER BY seq LIMIT rows_max
    );
    GET DIAGNOSTICS gone = ROW_COUNT;
    IF gone < rows_max THEN
        UPDATE runs SET compacted = true WHERE user_key = of_user AND run = of_run;
        gone := gone + 1;
    END IF;
    RETURN gone;
END $$;

-- Removes a journal's oldest events, committed before before_us, and records up to which seq and when
-- to look again. It stops before the first event of a live run, because a node may retry that run; runs
-- of other services are never retried here.
CREATE FUNCTION trim_journal(
    of_user uuid, trimmed_to bigint, before_us bigint, rows_max bigint
)
RETURNS bigint
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
DECLARE
    gone bigint;
    last_seq bigint;
    look_us bigint;
    seen bigint;
BEGIN
    WITH oldest AS (
        SELECT e.seq, e.at_us, e.at_us < before_us AS old,
        coalesce(r.status, 9) <= 3 AND r.owner IS DISTINCT FROM 'external' AS live
        FROM events AS e LEFT JOIN runs AS r ON r.user_key = e.user_key AND r.run = e.run
        WHERE e.user_key = of_user AND e.seq > trimmed_to ORDER BY e.seq LIMIT rows_max
    ), stop AS (
        SELECT s.seq, CASE WHEN s.old THEN before_us ELSE s.at_us END AS look_us
        FROM oldest AS s WHERE s.live OR NOT s.old ORDER BY s.seq LIMIT 1
    )
    SELECT count(*), max(o.seq), (SELECT s.look_us FROM stop AS s), (SELECT count(*) FROM oldest)
    INTO gone, last_seq, look_us, seen
    FROM oldest AS o WHERE o.seq < coalesce((SELECT s.seq FROM stop AS s), 9223372036854775807);
    IF gone > 0 THEN
        DELETE FROM events WHERE user_key = of_user AND seq <= last_seq;
        DELETE FROM messages WHERE user_key = of_user AND seq <= last_seq;
    END IF;
    IF look_us IS NULL AND seen = rows_max THEN
        look_us := before_us - 1; -- there may be more to remove
    END IF;
    UPDATE users SET trimmed = greatest(trimmed, last_seq), trim_us = look_us
    WHERE user_key = of_user;
    RETURN greatest(gone, 1);
END $$;

-- Removes what a deleted thread left: events, words, questions and checkpoints; ids and keys stay.
-- deleted_type: of the thread's last event, which stays. purged: the state of such a thread. The thread
-- may have few of its journal's events, so it also looks at no more than 20 times rows_max of these.
CREATE FUNCTION purge_thread(
    of_user uuid, of_thread integer, next_seq bigint, end_seq bigint, deleted_type smallint,
    purged smallint, rows_max bigint
)
RETURNS bigint
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
DECLARE
    gone bigint;
    gone_to bigint;
    look_to bigint := least(end_seq, next_seq + 20 * rows_max);
BEGIN
    WITH removed AS (
        DELETE FROM events WHERE user_key = of_user AND seq IN (
            SELECT seq FROM events
            WHERE user_key = of_user AND seq BETWEEN next_seq AND look_to AND thread = of_thread
            AND type <> deleted_type
            ORDER BY seq LIMIT rows_max
        ) RETURNING seq
    ), unlisted AS (
        DELETE FROM messages WHERE user_key = of_user AND seq IN (SELECT seq FROM removed)
    )
    SELECT count(*), max(seq) INTO gone, gone_to FROM removed;
    IF gone = rows_max OR look_to < end_seq THEN
        UPDATE threads SET first_seq = CASE WHEN gone = rows_max THEN gone_to ELSE look_to END
        WHERE user_key = of_user AND thread = of_thread;
        RETURN rows_max;
    END IF;
    DELETE FROM inputs WHERE user_key = of_user AND run IN (
        SELECT run FROM runs WHERE user_key = of_user AND thread = of_thread
    );
    DELETE FROM checkpoints WHERE user_key = of_user AND run IN (
        SELECT run FROM runs WHERE user_key = of_user AND thread = of_thread
    );
    DELETE FROM run_aliases WHERE user_key = of_user AND run IN (
        SELECT run FROM runs WHERE user_key = of_user AND thread = of_thread
    );
    DELETE FROM thread_aliases WHERE user_key = of_user AND thread = of_thread;
    UPDATE threads SET state = purged, title = NULL, metadata = '{}'
    WHERE user_key = of_user AND thread = of_thread;
    RETURN gone + 1;
END $$;
