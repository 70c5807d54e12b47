-- works-with: 1
-- Steps of maintenance that are bounded in what they look at, too.

-- compacted_to: up to which seq the deltas of an ended run are removed, while there are more; NULL
-- before the first step. purged_run: the same for the runs of a deleted thread.
ALTER TABLE runs ADD COLUMN compacted_to bigint;
ALTER TABLE threads ADD COLUMN purged_run integer;
-- Of ended runs only: no statement about live ones may take this index for its own.
CREATE INDEX runs_of_thread ON runs (user_key, thread, run) WHERE status > 3;
CREATE INDEX run_aliases_of_run ON run_aliases (user_key, run);

-- Removes the deltas of a run that ended. It may have few of its journal's events, so this looks at
-- no more than 20 times rows_max of these at once.
CREATE OR REPLACE FUNCTION compact_run(
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
    gone_to bigint;
    look_to bigint := least(last_seq, first_seq + 20 * rows_max);
BEGIN
    WITH removed AS (
        DELETE FROM events WHERE user_key = of_user AND seq IN (
            SELECT seq FROM events
            WHERE user_key = of_user AND seq BETWEEN first_seq AND look_to AND run = of_run
            AND type = delta_type
            ORDER BY seq LIMIT rows_max
        ) RETURNING seq
    )
    SELECT count(*), max(seq) INTO gone, gone_to FROM removed;
    IF gone = rows_max OR look_to < last_seq THEN
        UPDATE runs SET compacted_to = CASE WHEN gone = rows_max THEN gone_to ELSE look_to END
        WHERE user_key = of_user AND run = of_run;
        RETURN rows_max;
    END IF;
    UPDATE runs SET compacted = true WHERE user_key = of_user AND run = of_run;
    RETURN gone + 1;
END $$;

-- Removes what a deleted thread left: events, words, questions and checkpoints; ids and keys stay.
-- deleted_type: of the thread's last event, which stays. purged: the state of such a thread. The thread
-- may have few of its journal's events, so it also looks at no more than 20 times rows_max of these.
-- Its runs, of which it may have very many, are named in an array: a join could begin with all rows
-- that the user has.
CREATE OR REPLACE FUNCTION purge_thread(
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
    next_runs integer[];
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
    SELECT array_agg(n.run ORDER BY n.run) INTO next_runs FROM (
        SELECT r.run FROM runs AS r WHERE r.user_key = of_user AND r.thread = of_thread
        AND r.status > 3 AND r.run > coalesce((
            SELECT t.purged_run FROM threads AS t
            WHERE t.user_key = of_user AND t.thread = of_thread
        ), 0)
        ORDER BY r.run LIMIT rows_max - gone
    ) AS n;
    DELETE FROM inputs WHERE user_key = of_user AND run = ANY(next_runs);
    DELETE FROM checkpoints WHERE user_key = of_user AND run = ANY(next_runs);
    DELETE FROM run_aliases WHERE user_key = of_user AND run = ANY(next_runs);
    gone := gone + coalesce(array_length(next_runs, 1), 0);
    IF gone = rows_max THEN
        UPDATE threads SET first_seq = end_seq,
        purged_run = next_runs[array_upper(next_runs, 1)]
        WHERE user_key = of_user AND thread = of_thread;
        RETURN rows_max;
    END IF;
    DELETE FROM thread_aliases WHERE user_key = of_user AND thread = of_thread;
    UPDATE threads SET state = purged, title = NULL, metadata = '{}'
    WHERE user_key = of_user AND thread = of_thread;
    RETURN gone + 1;
END $$;
