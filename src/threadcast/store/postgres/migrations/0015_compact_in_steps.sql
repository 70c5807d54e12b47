-- works-with: 1
-- compacted_to: up to which seq the deltas of an ended run are removed, while there are more; NULL
-- before the first step.
ALTER TABLE runs ADD COLUMN compacted_to bigint;

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
