"""The statements of sessions. Every one names its user, and gives its whole answer as one row.

One row, because each row that is fetched needs the interpreter lock again, which beside a busy
event loop can cost milliseconds. Lists come as JSON made by SQLite, events' data as one blob that
is cut by lengths. `?1` is the user's id in every statement.
"""
# ruff: noqa: S608 - these are joined from constants of this module only

from __future__ import annotations

from ...wire.fields import PREVIEW_MAX_CHARACTERS
from ..records import LIVE_RUNS_GIVEN_MAX

ALIAS_AGES_DAYS = (1, 7, 30, 90)

_ME = "(SELECT user FROM users WHERE user_id = ?1)"

# Type 3 is `thread_deleted`: all that is left to say about a deleted thread.
_VISIBLE = "(e.thread IS NULL OR e.type = 3 OR t.state = 0)"
_IN_FILTER = "(?5 IS NULL OR t.thread_id = ?5)"
_EVENT_COLUMNS = "e.seq, e.type, e.at_us, t.thread_id, r.run_id, e.data"
_PAGE = """
json_group_array(json_array(seq, type, at_us, thread_id, run_id, length(data))),
CAST(group_concat(data, '') AS BLOB)
"""

# The journal, and whether the token ?2 was revoked.
JOURNAL = """
SELECT feed, head, trimmed, revoked_before, EXISTS (
    SELECT 1 FROM revoked_tokens AS r WHERE r.user = u.user AND r.token_id = ?2
) FROM users AS u WHERE u.user_id = ?1
"""

# The size of each event after ?2, at most ?3 of them, of the thread ?5 if given.
_SIZED = f"""
SELECT e.seq AS seq, length(e.data) AS size
FROM events AS e LEFT JOIN threads AS t ON t.thread = e.thread
WHERE e.user = {_ME} AND e.seq > ?2 AND {_VISIBLE} AND {_IN_FILTER}
ORDER BY e.seq LIMIT ?3
"""
_EVENTS = f"""
SELECT {_PAGE} FROM (
    SELECT {_EVENT_COLUMNS} FROM events AS e
    LEFT JOIN threads AS t ON t.thread = e.thread LEFT JOIN runs AS r ON r.run = e.run
    WHERE e.user = {_ME} AND e.seq > ?2
    AND {_VISIBLE} AND {_IN_FILTER} AND %s
    ORDER BY e.seq LIMIT ?3
)
"""
# The journal and the event at ?2, with these events, or without any where they have ?4 bytes.
_FITS = f"(SELECT sum(size) FROM ({_SIZED})) < ?4"
PAGE = f"""
SELECT u.feed, u.head, u.trimmed, u.revoked_before, (
    SELECT at_us FROM events WHERE user = u.user AND seq = ?2
), page.* FROM users AS u, ({_EVENTS % _FITS}) AS page WHERE u.user_id = ?1
"""
# Those events until they reach ?4 bytes. A statement of its own: SQLite sets up what a window
# function needs at every run, used or not.
_WITHIN = f"""
e.seq <= (
    SELECT max(seq) FROM (
        SELECT seq, sum(size) OVER (ORDER BY seq ROWS UNBOUNDED PRECEDING) - size AS before
        FROM ({_SIZED})
    ) WHERE before < ?4
)
"""
CUT_PAGE = _EVENTS % _WITHIN

TIMESTAMP = f"SELECT at_us FROM events WHERE user = {_ME} AND seq = ?2"

# Messages and answers of the thread ?2 before the seq ?3, latest first, at most ?4.
HISTORY = f"""
SELECT {_PAGE} FROM (
    SELECT {_EVENT_COLUMNS}
    FROM threads AS t
    CROSS JOIN events AS e INDEXED BY events_of_history ON e.thread = t.thread
    LEFT JOIN runs AS r ON r.run = e.run
    WHERE t.user = {_ME} AND t.thread_id = ?2 AND t.state = 0
    AND e.type IN (4, 13) AND e.seq < ?3
    ORDER BY e.seq DESC LIMIT ?4
)
"""

# The start of the first message of the thread `t`; 9 to 13 and 32 are white space.
_PREVIEW = f"""
(
    SELECT substr(
        ltrim(CAST(e.data AS TEXT) ->> '$.content', char(9, 10, 11, 12, 13, 32)),
        1, {PREVIEW_MAX_CHARACTERS}
    )
    FROM events AS e INDEXED BY events_of_history
    WHERE e.thread = t.thread AND e.type IN (4, 13) AND e.type = 4
    ORDER BY e.seq LIMIT 1
)
"""
# The runs of the thread `t` that have not ended, the oldest first.
_LIVE_RUNS = f"""
(
    SELECT json_group_array(json_array(run_id, status)) FROM (
        SELECT run_id, status FROM runs INDEXED BY runs_live
        WHERE user = t.user AND thread = t.thread AND status <= 3
        ORDER BY run LIMIT {LIVE_RUNS_GIVEN_MAX}
    )
)
"""
_THREADS = f"""
SELECT json_group_array(json_array(
    thread_id, title, {_PREVIEW}, json(metadata), created_us, updated_us, last_seq,
    json({_LIVE_RUNS})
)) FROM
"""
THREAD = f"{_THREADS} threads AS t WHERE user = {_ME} AND thread_id = ?2 AND state = 0"
ALIASED_THREAD = f"""
{_THREADS} threads AS t WHERE user = {_ME} AND state = 0
AND thread = (SELECT thread FROM thread_aliases WHERE user = {_ME} AND legacy_id = ?2)
"""
# Threads with `last_seq` before ?2, latest first, at most ?3.
THREADS = f"""
{_THREADS} (
    SELECT * FROM threads WHERE user = {_ME} AND state = 0 AND last_seq < ?2
    ORDER BY last_seq DESC LIMIT ?3
) AS t
"""

RUN_FACTS_COLUMNS = """
u.user_id, r.run_id, t.thread_id, r.agent, r.status, r.attempt, r.message_seq,
r.created_us, r.started_us, r.ended_us, r.owner, r.fence,
CASE WHEN r.owner IS NOT NULL THEN r.lease_until END,
r.cancel_reason, r.on_crash, r.on_disconnect, r.handed_over
"""
RUN_FACTS_TABLES = """
runs AS r JOIN users AS u ON u.user = r.user JOIN threads AS t ON t.thread = r.thread
"""
LIVE_RUNS_OF_USER = f"""
SELECT json_group_array(json_array({RUN_FACTS_COLUMNS}) ORDER BY r.run)
FROM {RUN_FACTS_TABLES} WHERE r.run IN (
    SELECT run FROM runs WHERE user = {_ME} AND status <= 3 ORDER BY run LIMIT ?2
)
"""
ENDED_RUNS_OF_USER = f"""
SELECT json_group_array(json_array({RUN_FACTS_COLUMNS}) ORDER BY r.run DESC)
FROM {RUN_FACTS_TABLES} WHERE r.run IN (
    SELECT run FROM runs WHERE user = {_ME} AND ended_us IS NOT NULL ORDER BY run DESC LIMIT ?2
)
"""
COUNTS = f"""
SELECT (SELECT count(*) FROM threads WHERE user = {_ME} AND state = 0),
(SELECT count(*) FROM runs WHERE user = {_ME})
"""
RUN = f"""
SELECT r.run_id, t.thread_id, r.agent, r.status, r.attempt, r.message_seq,
r.created_us, r.started_us, r.ended_us
FROM runs AS r JOIN threads AS t ON t.thread = r.thread
WHERE r.user = {_ME} AND r.run_id = ?2 AND t.state = 0
"""
INPUTS = f"""
SELECT json_group_array(json_array(input_id, ordinal, prompt, expires_at, value)) FROM (
    SELECT i.* FROM runs AS r JOIN inputs AS i ON i.run = r.run
    WHERE r.user = {_ME} AND r.run_id = ?2 ORDER BY i.ordinal
)
"""

USER = "SELECT user FROM users WHERE user_id = ?1"
# The user's messages that the index query ?2 finds and that hold every word of the JSON list ?3,
# latest first, at most ?4. The index is cut down to the user by ?2, and the rows are once more.
SEARCH = f"""
SELECT {_PAGE} FROM (
    SELECT {_EVENT_COLUMNS}
    FROM message_words AS w
    CROSS JOIN runs AS r ON r.run = w.rowid
    CROSS JOIN threads AS t ON t.thread = r.thread
    CROSS JOIN events AS e ON e.user = r.user AND e.seq = r.message_seq
    WHERE message_words MATCH ?2 AND r.user = {_ME} AND t.state = 0
    AND NOT EXISTS (
        SELECT 1 FROM json_each(?3) AS j
        WHERE instr(lower(CAST(e.data AS TEXT) ->> '$.content'), j.value) = 0
    )
    ORDER BY w.rowid DESC LIMIT ?4
)
"""

# The user's connections that have a place, oldest first. ?2: now, by the store's clock.
CONNECTIONS = f"""
SELECT json_group_array(json_array(
    connection_id, kind, opened_us, node_id, agent, cursor, live, said_at
)) FROM (
    SELECT c.* FROM connections AS c JOIN nodes AS n ON n.node_id = c.node_id
    WHERE c.user = {_ME} AND c.unwanted IS NULL AND n.lease_until > ?2
    ORDER BY c.opened_us, c.connection_id
)
"""

# Not of one user: the head poll of all users that are attached here.
HEADS = """
SELECT json_group_object(u.user_id, u.head)
FROM carray(?1) AS c CROSS JOIN users AS u ON u.user_id = c.value
"""

# Not of one user: what is asked of the runs that the node ?1 executes. `runs_asked` has the few
# that are to end, and ?2 names those that waited for a person.
ASKED = """
SELECT json_group_array(run_id) FROM (
    SELECT run_id FROM runs
    WHERE owner = ?1 AND owner IS NOT NULL AND cancel_reason IS NOT NULL
    UNION ALL
    SELECT r.run_id FROM json_each(?2) AS j
    CROSS JOIN users AS u ON u.user_id = j.value ->> 0
    CROSS JOIN runs AS r ON r.user = u.user AND r.run_id = j.value ->> 1
    WHERE r.status <> 3 OR EXISTS (
        SELECT 1 FROM inputs AS i WHERE i.run = r.run AND i.value IS NOT NULL
    )
)
"""

# Not of one user either. ?1: now, in microseconds.
_USED_WITHIN = " ".join(
    f", count(*) FILTER (WHERE last_used_us >= ?1 - {days * 86_400_000_000})"
    for days in ALIAS_AGES_DAYS
)
ALIAS_FACTS = f"""
SELECT count(*), count(*) FILTER (WHERE uses > 0), coalesce(sum(uses), 0), max(last_used_us),
max(made_us)
{_USED_WITHIN} FROM thread_aliases
"""
PLAIN_ALIAS = "SELECT 1 FROM thread_aliases WHERE known = 0 LIMIT 1"
