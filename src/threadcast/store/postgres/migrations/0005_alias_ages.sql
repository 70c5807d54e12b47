-- works-with: 1
-- How old the aliases are: before the youngest has had its time, "not used" says nothing.

-- made_us: NULL for those that a program made that did not know this column.
ALTER TABLE thread_aliases ADD COLUMN made_us bigint;
