-- works-with: 1
-- compacted_to: up to which seq the deltas of an ended run are removed, while there are more; NULL
-- before the first step.
ALTER TABLE runs ADD COLUMN compacted_to INTEGER;
