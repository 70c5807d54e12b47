-- Steps of maintenance that are bounded in what they look at, too, and concern one journal each.

-- compacted_to: up to which seq the deltas of an ended run are removed, while there are more; NULL
-- before the first step. purged_run: the same for the runs of a deleted thread.
ALTER TABLE runs ADD COLUMN compacted_to INTEGER;
ALTER TABLE threads ADD COLUMN purged_run INTEGER;

-- trim_us: before this time nothing of the journal is old; NULL while it holds nothing.
ALTER TABLE users ADD COLUMN trim_us INTEGER;
UPDATE users SET trim_us = 0 WHERE head > trimmed;
CREATE INDEX users_to_trim ON users (trim_us) WHERE trim_us IS NOT NULL;

DROP INDEX runs_of_thread;
CREATE INDEX runs_of_thread ON runs (thread, run);
