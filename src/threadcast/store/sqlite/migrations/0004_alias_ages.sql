-- How old the aliases are: before the youngest has had its time, "not used" says nothing.

-- made_us: NULL for those that were there before this column.
ALTER TABLE thread_aliases ADD COLUMN made_us INTEGER;
