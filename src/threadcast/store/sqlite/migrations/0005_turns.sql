-- Claims take turns between users. Who is next is found by these indexes alone, however much waits.

-- executing_max: so many of the user's runs may be executed at once, as it was when the message was
-- sent; NULL: any number. handed_over: how many of the attempts ended because a node was stopped in
-- order, which is no crash.
ALTER TABLE runs ADD COLUMN executing_max INTEGER;
ALTER TABLE runs ADD COLUMN handed_over INTEGER NOT NULL DEFAULT 0;

DROP INDEX runs_queued;
CREATE INDEX runs_next ON runs (user, thread, run) WHERE status = 1 AND owner IS NULL;
CREATE INDEX runs_taken ON runs (user, thread) WHERE owner IS NOT NULL;
-- Runs that their owner is to end and has not ended yet: few at any time.
CREATE INDEX runs_asked ON runs (owner) WHERE owner IS NOT NULL AND cancel_reason IS NOT NULL;
