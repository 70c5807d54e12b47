-- works-with: 1
-- open_until: when a question expires, by the database's clock; expires_at is by the clock of the node
-- that asked, which others may not share. NULL: an older program asked.
ALTER TABLE inputs ADD COLUMN open_until timestamptz;
