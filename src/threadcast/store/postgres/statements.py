"""The statements of sessions. Every one names its user by `$1`, the user's key."""

from __future__ import annotations

from ..records import LIVE_RUNS_GIVEN_MAX
from . import run_rows

# Type 3 is `thread_deleted`: all that is left to say about a deleted thread.
_VISIBLE = "(e.thread IS NULL OR e.type = 3 OR t.state = 0)"
_EVENT_COLUMNS = "e.seq, e.type, e.at_us, t.thread_id, r.run_id, e.data"
_NAMED = """
LEFT JOIN threads AS t ON t.user_key = e.user_key AND t.thread = e.thread
LEFT JOIN runs AS r ON r.user_key = e.user_key AND r.run = e.run
"""

# The journal, and whether the token $2 was revoked.
JOURNAL = """
SELECT u.feed, u.head, u.trimmed, u.revoked_before, EXISTS (
    SELECT 1 FROM revoked_tokens AS r WHERE r.user_key = $1 AND r.token_id = $2
) FROM users AS u WHERE u.user_key = $1
"""

# The journal and the event at $2, beside each event after $2, at most $3, until their data reaches
# $4 bytes, of the thread $5 if given.
PAGE = f"""
SELECT u.feed, u.head, u.trimmed, u.revoked_before, (
    SELECT at_us FROM events WHERE user_key = $1 AND seq = $2
), page.seq, page.type, page.at_us, page.thread_id, page.run_id, page.data
FROM users AS u LEFT JOIN (
    SELECT {_EVENT_COLUMNS}, sum(octet_length(e.data)) OVER (
        ORDER BY e.seq ROWS UNBOUNDED PRECEDING
    ) - octet_length(e.data) AS bytes_before
    FROM events AS e {_NAMED}
    WHERE e.user_key = $1 AND e.seq > $2 AND {_VISIBLE}
    AND ($5::text IS NULL OR t.thread_id = $5)
    ORDER BY e.seq LIMIT $3
) AS page ON page.bytes_before < $4
WHERE u.user_key = $1 ORDER BY page.seq
"""  # noqa: S608 - joined from constants of this module only

TIMESTAMP = "SELECT at_us FROM events WHERE user_key = $1 AND seq = $2"

# Messages and answers of the thread $2 before the seq $3, latest first, at most $4.
HISTORY = f"""
SELECT {_EVENT_COLUMNS}
FROM threads AS t
JOIN events AS e ON e.user_key = t.user_key AND e.thread = t.thread
LEFT JOIN runs AS r ON r.user_key = e.user_key AND r.run = e.run
WHERE t.user_key = $1 AND t.thread_id = $2 AND t.state = 0
AND e.type IN (4, 13) AND e.seq < $3
ORDER BY e.seq DESC LIMIT $4
"""  # noqa: S608 - joined from constants of this module only

# Last, status and id of each run that has not ended, the oldest first.
_THREAD_COLUMNS = f"""
t.thread_id, t.title, (
    SELECT m.preview FROM messages AS m
    WHERE m.user_key = t.user_key AND m.thread = t.thread ORDER BY m.seq LIMIT 1
), t.metadata, t.created_us, t.updated_us, t.last_seq, ARRAY(
    SELECT r.status || ' ' || r.run_id FROM runs AS r
    WHERE r.user_key = t.user_key AND r.thread = t.thread AND r.status <= 3
    ORDER BY r.run LIMIT {LIVE_RUNS_GIVEN_MAX}
)
"""  # noqa: S608 - joined from constants only
THREAD = f"""
SELECT {_THREAD_COLUMNS} FROM threads AS t
WHERE t.user_key = $1 AND t.thread_id = $2 AND t.state = 0
"""  # noqa: S608 - joined from constants of this module only
ALIASED_THREAD = f"""
SELECT {_THREAD_COLUMNS} FROM thread_aliases AS a
JOIN threads AS t ON t.user_key = a.user_key AND t.thread = a.thread
WHERE a.user_key = $1 AND a.legacy_id = $2 AND t.state = 0
"""  # noqa: S608 - joined from constants of this module only
# Threads with `last_seq` before $2, latest first, at most $3.
THREADS = f"""
SELECT {_THREAD_COLUMNS} FROM threads AS t
WHERE t.user_key = $1 AND t.state = 0 AND t.last_seq < $2
ORDER BY t.last_seq DESC LIMIT $3
"""  # noqa: S608 - joined from constants of this module only

LIVE_RUNS_OF_USER = f"""
SELECT {run_rows.RUN_FACTS_COLUMNS} FROM runs AS r JOIN users AS u ON u.user_key = r.user_key
JOIN threads AS t ON t.user_key = r.user_key AND t.thread = r.thread
WHERE r.user_key = $1 AND r.status <= 3 ORDER BY r.run LIMIT $2
"""  # noqa: S608 - joined from constants only
ENDED_RUNS_OF_USER = f"""
SELECT {run_rows.RUN_FACTS_COLUMNS} FROM runs AS r JOIN users AS u ON u.user_key = r.user_key
JOIN threads AS t ON t.user_key = r.user_key AND t.thread = r.thread
WHERE r.user_key = $1 AND r.ended_us IS NOT NULL ORDER BY r.run DESC LIMIT $2
"""  # noqa: S608 - joined from constants only
COUNTS = """
SELECT (SELECT count(*) FROM threads WHERE user_key = $1 AND state = 0), runs
FROM users WHERE user_key = $1
"""
RUN = """
SELECT r.run_id, t.thread_id, r.agent, r.status, r.attempt, r.message_seq,
r.created_us, r.started_us, r.ended_us
FROM runs AS r JOIN threads AS t ON t.user_key = r.user_key AND t.thread = r.thread
WHERE r.user_key = $1 AND r.run_id = $2 AND t.state = 0
"""
INPUTS = f"""
SELECT i.input_id, i.ordinal, i.prompt, i.expires_at, {run_rows.QUESTION_OPEN_S}, i.value
FROM runs AS r JOIN inputs AS i ON i.user_key = r.user_key AND i.run = r.run
WHERE r.user_key = $1 AND r.run_id = $2 ORDER BY i.ordinal
"""  # noqa: S608 - joined from constants only

# The user's messages that hold every one of the patterns $2, latest first, at most $3.
SEARCH = f"""
SELECT {_EVENT_COLUMNS}
FROM messages AS m
JOIN threads AS t ON t.user_key = m.user_key AND t.thread = m.thread
JOIN events AS e ON e.user_key = m.user_key AND e.seq = m.seq
LEFT JOIN runs AS r ON r.user_key = e.user_key AND r.run = e.run
WHERE m.user_key = $1 AND t.state = 0
AND NOT EXISTS (SELECT 1 FROM unnest($2::text[]) AS p WHERE position(p IN m.words) = 0)
ORDER BY m.seq DESC LIMIT $3
"""  # noqa: S608 - joined from constants of this module only

# The user's connections that have a place, oldest first.
CONNECTIONS = """
SELECT c.connection_id, c.kind, c.opened_us, c.node_id, c.agent, c.cursor, c.live,
extract(epoch FROM c.said_at)::float8
FROM connections AS c JOIN nodes AS n ON n.node_id = c.node_id
WHERE c.user_key = $1 AND c.unwanted IS NULL AND n.lease_until > clock_timestamp()
ORDER BY c.opened_us, c.connection_id
"""
