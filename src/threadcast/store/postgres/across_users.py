"""Every statement that reads across users, in one place, each with its reason.

All other statements name their users by key. On a database that is distributed by user, these go to
every shard; each uses a partial index that holds only pending work.
"""

from __future__ import annotations

from ...runs import CLAIM_THREADS_MAX, CLAIM_USERS_MAX, LIVE_RUNS_COUNTED_MAX
from ..place_units import PLACES_COUNTED_MAX
from .run_rows import QUESTION_OPEN_S, RUN_FACTS_COLUMNS

_AT_ONCE_MAX = 50  # runs, journals or threads that a step of maintenance works on
ALIAS_AGES_DAYS = (1, 7, 30, 90)

# A node claims runs of users in turn; see `ClaimRuns` and the functions in the migrations, which
# consider a bounded number of users and threads, however much waits. Which runs are next is certain
# only under the advisory lock for claiming a user's runs, which ends with the transaction. Other
# runs of a thread can only make a run next meanwhile, never unmake it: its own lock is enough.
TURNS = f"""
SELECT users, last_user
FROM lock_next_users($1, $3, $4, {CLAIM_USERS_MAX}, {CLAIM_THREADS_MAX}, $2)
"""  # noqa: S608 - joined from constants only
# A fence is a count and 16 random bits: a copy of the database that lost its last commits issues
# their counts again, and a former owner must not pass for the new one.
CLAIM = f"""
WITH next AS (
    SELECT k.user_key, t.run, t.turn
    FROM unnest($3::uuid[]) AS k (user_key)
    CROSS JOIN LATERAL turns_of(k.user_key, $1, {CLAIM_THREADS_MAX}) AS t
    ORDER BY t.turn, t.queued_at, k.user_key, t.run LIMIT $2
), free AS (
    SELECT q.user_key, q.run, n.turn
    FROM next AS n JOIN runs AS q ON q.user_key = n.user_key AND q.run = n.run
    WHERE q.status = 1 AND q.owner IS NULL
    FOR UPDATE OF q SKIP LOCKED
), claimed AS (
    UPDATE runs SET status = CASE WHEN EXISTS (
        SELECT FROM inputs AS i WHERE i.user_key = runs.user_key AND i.run = runs.run
        AND i.value IS NULL AND {QUESTION_OPEN_S} > 0
    ) THEN 3 ELSE 2 END, owner = $4,
    lease_until = clock_timestamp() + make_interval(secs => $5),
    fence = ((fence >> 16) + 1 << 16) | floor(random() * 65536)::int,
    attempt = attempt + 1, started_us = coalesce(started_us, $6)
    FROM free WHERE runs.user_key = free.user_key AND runs.run = free.run
    RETURNING runs.*, free.turn
)
SELECT u.user_id, t.thread_id, c.run_id, c.fence, c.agent, c.attempt, e.data, c.message_seq,
c.on_disconnect, k.state, c.cancel_reason
FROM claimed AS c
JOIN users AS u ON u.user_key = c.user_key
JOIN threads AS t ON t.user_key = c.user_key AND t.thread = c.thread
JOIN events AS e ON e.user_key = c.user_key AND e.seq = c.message_seq
LEFT JOIN checkpoints AS k ON k.user_key = c.user_key AND k.run = c.run
ORDER BY c.turn, c.queued_at, c.user_key, c.run
"""  # noqa: S608 - joined from constants only

# A node takes over lapsed runs of any user. The user's row is locked with the run's, so that nobody
# can be appending under the old fence meanwhile.
LAPSED = """
SELECT u.user_id, u.head, r.run
FROM runs AS r JOIN users AS u ON u.user_key = r.user_key
WHERE r.owner IS NOT NULL AND r.lease_until <= clock_timestamp()
ORDER BY r.lease_until LIMIT $1
FOR UPDATE OF u, r SKIP LOCKED
"""

# A step of maintenance finds old rows of any user, oldest first, locks them without waiting, and
# has a function of the migrations work on each. $2 is the most rows to work on; as many are said
# if there may be more. Journals and threads share them, so that a long one keeps no other waiting.
# A run is begun if those before it, with all their events, leave room. Limited subqueries are
# materialized: inside a loop of a plan they would be evaluated again for each row.
COMPACT = f"""
WITH old AS MATERIALIZED (
    SELECT user_key, run, coalesce(compacted_to, message_seq) AS first_seq, ended_seq, ended_us
    FROM runs WHERE NOT compacted AND ended_us IS NOT NULL AND ended_us < $1
    ORDER BY ended_us LIMIT {_AT_ONCE_MAX} FOR UPDATE SKIP LOCKED
), placed AS MATERIALIZED (
    SELECT *, $2 - coalesce(sum(ended_seq - first_seq) OVER (
        ORDER BY ended_us, user_key, run ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ), 0)::bigint AS room
    FROM old
), worked AS (
    SELECT done, room FROM placed CROSS JOIN LATERAL
    compact_run(user_key, run, first_seq, ended_seq, $3::smallint, room) AS done
    WHERE room > 0
)
SELECT CASE WHEN count(*) = {_AT_ONCE_MAX} OR count(*) < (SELECT count(*) FROM placed)
OR bool_or(done >= room) THEN $2 ELSE coalesce(sum(done), 0)::bigint END FROM worked
"""  # noqa: S608 - joined from constants only
_DONE_BY_SHARES = f"""
, shared AS MATERIALIZED (
    SELECT *, greatest(1, $2 / count(*) OVER ()) AS share FROM old
)
SELECT CASE WHEN count(*) = {_AT_ONCE_MAX} OR bool_or(done >= share) THEN $2
ELSE coalesce(sum(done), 0)::bigint END
"""  # noqa: S608 - joined from constants only
TRIM = f"""
WITH old AS MATERIALIZED (
    SELECT user_key, trimmed FROM users WHERE trim_us < $1
    ORDER BY trim_us LIMIT {_AT_ONCE_MAX} FOR UPDATE SKIP LOCKED
)
{_DONE_BY_SHARES} FROM shared CROSS JOIN LATERAL trim_journal(user_key, trimmed, $1, share) AS done
"""  # noqa: S608 - joined from constants only
PURGE = f"""
WITH old AS MATERIALIZED (
    SELECT user_key, thread, first_seq, last_seq FROM threads WHERE state = 1 AND updated_us < $1
    ORDER BY updated_us LIMIT {_AT_ONCE_MAX} FOR UPDATE SKIP LOCKED
)
{_DONE_BY_SHARES} FROM shared CROSS JOIN LATERAL
purge_thread(user_key, thread, first_seq, last_seq, $3::smallint, $4::smallint, share) AS done
"""  # noqa: S608 - joined from constants only
FORGET = """
WITH old AS MATERIALIZED (
    SELECT user_key, token_id FROM revoked_tokens WHERE expires_at < $1
    LIMIT $2 FOR UPDATE SKIP LOCKED
)
DELETE FROM revoked_tokens AS r USING old
WHERE r.user_key = old.user_key AND r.token_id = old.token_id
"""

# The head poll: one query for all users attached to a node.
HEADS = """
SELECT user_id, head FROM users WHERE user_key = ANY($1::uuid[])
"""
# Signals to the runs that a node executes: `runs_asked` indexes the few that were cancelled, and $2
# and $3 name those that waited for a person.
ASKED = """
SELECT run_id FROM runs WHERE owner = $1 AND cancel_reason IS NOT NULL
UNION ALL
SELECT r.run_id FROM unnest($2::uuid[], $3::text[]) AS k (user_key, run_id)
JOIN runs AS r ON r.user_key = k.user_key AND r.run_id = k.run_id
WHERE r.status <> 3 OR EXISTS (
    SELECT FROM inputs AS i
    WHERE i.user_key = r.user_key AND i.run = r.run AND i.value IS NOT NULL
)
"""
# The cluster's secret: one row, mixed with the database's identity, so that nodes on a copy
# restored elsewhere cannot read the hints of the original's nodes.
CLUSTER = """
SELECT concat_ws('/', secret, current_schema(), (SELECT system_identifier FROM pg_control_system()),
(SELECT oid FROM pg_database WHERE datname = current_database())) FROM cluster
"""
PLAIN_ALIAS = "SELECT EXISTS (SELECT 1 FROM thread_aliases WHERE NOT known)"

# What a node would know if no hint was ever lost: marks on its own connections and connections that
# operators ask for, each over a partial index, its users with credentials revoked in the last $2
# seconds, whether it should drain, and whether there are older ids of no known shape: another node
# may have added the first one.
NOTICES = """
SELECT 'unwanted', u.user_id, c.connection_id, c.unwanted, NULL::float8
FROM connections AS c JOIN users AS u ON u.user_key = c.user_key
WHERE c.node_id = $1 AND c.unwanted IS NOT NULL
UNION ALL
SELECT 'revoked', u.user_id, NULL, NULL, extract(epoch FROM r.revoked_at)::float8
FROM revocations AS r JOIN users AS u ON u.user_key = r.user_key
WHERE r.revoked_at > statement_timestamp() - make_interval(secs => $2)
AND EXISTS (SELECT 1 FROM connections AS c WHERE c.user_key = r.user_key AND c.node_id = $1)
UNION ALL
SELECT DISTINCT 'asked', u.user_id, NULL, NULL, NULL::float8
FROM connections AS c JOIN users AS u ON u.user_key = c.user_key
WHERE c.node_id = $1 AND c.asked
UNION ALL
SELECT 'drain', NULL, NULL, NULL, NULL::float8 FROM nodes WHERE node_id = $1 AND drain
UNION ALL
SELECT 'plain_alias', NULL, NULL, NULL, NULL::float8
WHERE EXISTS (SELECT 1 FROM thread_aliases WHERE NOT known)
"""

# Users that are connected nowhere and have live runs that should then end, over the index of live
# runs.
ABANDONED = """
SELECT DISTINCT u.user_id FROM runs AS r JOIN users AS u ON u.user_key = r.user_key
WHERE r.status <= 3 AND r.on_disconnect = 'cancel' AND r.cancel_reason IS NULL
AND r.owner IS DISTINCT FROM 'external'
AND NOT EXISTS (
    SELECT 1 FROM connections AS c WHERE c.user_key = r.user_key AND c.unwanted IS NULL
)
AND ($2::uuid[] IS NULL OR r.user_key = ANY($2::uuid[]))
LIMIT $1
"""

# A node whose lease lapsed $1 seconds ago ($2 if only marks are left), or an unknown one that has
# places; the places' index is read at one row per node.
LOST_NODE = """
WITH RECURSIVE placed AS (
    (SELECT node_id FROM connections ORDER BY node_id LIMIT 1)
    UNION ALL
    SELECT (
        SELECT c.node_id FROM connections AS c WHERE c.node_id > p.node_id
        ORDER BY c.node_id LIMIT 1
    ) FROM placed AS p WHERE p.node_id IS NOT NULL
), lapsed AS (
    SELECT node_id FROM nodes AS l
    WHERE lease_until < clock_timestamp() - make_interval(secs => $1)
    AND (
        lease_until < clock_timestamp() - make_interval(secs => $2)
        OR (
            SELECT 1 FROM connections AS c
            WHERE c.node_id = l.node_id AND c.unwanted IS NULL LIMIT 1
        ) IS NOT NULL
        OR (SELECT 1 FROM connections AS c WHERE c.node_id = l.node_id LIMIT 1) IS NULL
    )
    ORDER BY lease_until LIMIT 1 FOR UPDATE SKIP LOCKED
)
SELECT node_id FROM lapsed
UNION ALL
(SELECT p.node_id FROM placed AS p WHERE p.node_id IS NOT NULL
AND NOT EXISTS (SELECT 1 FROM nodes AS n WHERE n.node_id = p.node_id))
LIMIT 1
"""
# A node that came back has taken its places again, so those stay.
SWEEP_PLACES = """
WITH lost AS MATERIALIZED (
    SELECT c.user_key, c.connection_id FROM connections AS c WHERE c.node_id = $1
    AND NOT EXISTS (
        SELECT 1 FROM nodes AS n WHERE n.node_id = $1 AND (
            n.lease_until > clock_timestamp()
            OR (
                c.unwanted IS NOT NULL
                AND n.lease_until >= clock_timestamp() - make_interval(secs => $3)
            )
        )
    )
    LIMIT $2 FOR UPDATE SKIP LOCKED
)
DELETE FROM connections AS c USING lost
WHERE c.user_key = lost.user_key AND c.connection_id = lost.connection_id
"""
# The nodes, for operators; nodes belong to no user.
NODES = """
SELECT node_id, version, role, extract(epoch FROM clock_timestamp() - started_at)::float8,
extract(epoch FROM lease_until - clock_timestamp())::float8, connections, runs, summary
FROM nodes ORDER BY node_id
"""
# A node with no places left, marked ones included.
REMOVE_EMPTY_NODE = """
DELETE FROM nodes WHERE node_id = $1
AND NOT EXISTS (SELECT 1 FROM connections WHERE node_id = $1)
"""
# The places of a node that starts or stops.
PLACES_OF_NODE = "DELETE FROM connections WHERE node_id = $1"
# The places that a node with a lapsed lease has to take again; marked ones stay.
UNMARKED_PLACES_OF_NODE = f"{PLACES_OF_NODE} AND unwanted IS NULL"

# A migration of legacy ids walks through all threads, while no server is running.
TO_RENAME = """
SELECT t.ordinal, t.thread, u.user_id, t.thread_id, t.state, t.last_seq
FROM threads AS t JOIN users AS u ON u.user_key = t.user_key
WHERE t.ordinal > $1 ORDER BY t.ordinal LIMIT $2
"""
MIGRATED = """
SELECT m.ordinal, m.thread, m.origin, m.legacy_id, m.last_seq, m.first_run, m.last_run,
u.user_id, t.thread_id, t.state, t.first_seq, t.last_seq
FROM migrated_threads AS m
JOIN threads AS t ON t.user_key = m.user_key AND t.thread = m.thread
JOIN users AS u ON u.user_key = m.user_key
WHERE m.ordinal > $1 ORDER BY m.ordinal LIMIT $2
"""

# After a restore every journal gets a new feed id, in bounded steps.
NEXT_JOURNALS = """
SELECT user_key::text FROM users WHERE user_key > $1 ORDER BY user_key LIMIT $2 FOR UPDATE
"""

# How many nodes are running. If the schema is older than their list, each connection that is not
# ours counts as one.
LISTS_NODES = "SELECT to_regclass('nodes') IS NOT NULL"
NODES_ALIVE = "SELECT count(*) FROM nodes WHERE lease_until > clock_timestamp()"
CONNECTIONS = """
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
AND application_name = 'threadcast' AND usename = current_user
"""

# Use of legacy ids. $1: now, in microseconds.
_USED_WITHIN = "".join(
    f", count(*) FILTER (WHERE last_used_us >= $1 - {days * 86_400_000_000}::bigint)"
    for days in ALIAS_AGES_DAYS
)
ALIAS_FACTS = f"""
SELECT count(*), count(*) FILTER (WHERE uses > 0), coalesce(sum(uses), 0)::bigint,
max(last_used_us), max(made_us){_USED_WITHIN} FROM thread_aliases
"""  # noqa: S608 - joined from constants of this module only

# A run of any user, and live runs, for operators; over the index of live runs, up to a bound.
FIND_RUN = f"""
SELECT {RUN_FACTS_COLUMNS} FROM runs AS r JOIN users AS u ON u.user_key = r.user_key
JOIN threads AS t ON t.user_key = r.user_key AND t.thread = r.thread
WHERE hashtextextended(r.run_id, 0) = hashtextextended($1, 0) AND r.run_id = $1 LIMIT 1
"""  # noqa: S608 - joined from constants only
LIVE_RUNS = f"""
WITH live AS MATERIALIZED (
    SELECT user_key, run, status, created_us FROM runs WHERE status <= 3
    LIMIT {LIVE_RUNS_COUNTED_MAX}
), oldest AS (
    SELECT user_key, run FROM live WHERE $1::smallint IS NULL OR status = $1
    ORDER BY created_us, user_key, run LIMIT $2
)
SELECT {RUN_FACTS_COLUMNS} FROM oldest AS o
JOIN runs AS r ON r.user_key = o.user_key AND r.run = o.run
JOIN users AS u ON u.user_key = r.user_key
JOIN threads AS t ON t.user_key = r.user_key AND t.thread = r.thread
ORDER BY r.created_us, r.user_key, r.run
"""  # noqa: S608 - joined from constants only
COUNT_LIVE_RUNS = f"""
WITH live AS MATERIALIZED (
    SELECT user_key, thread, run, status, created_us FROM runs WHERE status <= 3
    LIMIT {LIVE_RUNS_COUNTED_MAX}
), taken AS (
    SELECT user_key, thread, max(status) AS behind FROM live WHERE status > 1
    GROUP BY user_key, thread
), placed AS (
    SELECT l.*, t.behind FROM live AS l LEFT JOIN taken AS t
    ON l.status = 1 AND t.user_key = l.user_key AND t.thread = l.thread
), oldest AS (
    SELECT DISTINCT ON (status, behind) status, behind,
        count(*) OVER (PARTITION BY status, behind) AS count, created_us, user_key, run
    FROM placed ORDER BY status, behind, created_us, user_key, run
)
SELECT o.status, o.behind, o.count, r.run_id, u.user_id, o.created_us FROM oldest AS o
JOIN runs AS r ON r.user_key = o.user_key AND r.run = o.run
JOIN users AS u ON u.user_key = o.user_key
"""  # noqa: S608 - joined from constants only

# Operators ask how many users are connected, counted over at most so many places, in any order.
COUNT_CONNECTED_USERS = f"""
SELECT count(*), coalesce(sum(places), 0)::bigint FROM (
    SELECT count(*) AS places FROM (
        SELECT user_key FROM connections AS c WHERE unwanted IS NULL AND EXISTS (
            SELECT 1 FROM nodes AS n
            WHERE n.node_id = c.node_id AND n.lease_until > clock_timestamp()
        )
        LIMIT {PLACES_COUNTED_MAX} + 1
    ) AS counted GROUP BY user_key
) AS users
"""  # noqa: S608 - joined from constants only

# Operators ask nodes for the journal positions of a user's connections. Rows locked by another
# commit are skipped: the question is repeated.
ASK_POSITIONS = """
UPDATE connections AS c SET asked = true FROM (
    SELECT user_key, connection_id FROM connections
    WHERE user_key = $1 AND unwanted IS NULL AND NOT asked
    ORDER BY connection_id FOR UPDATE SKIP LOCKED
) AS k WHERE c.user_key = k.user_key AND c.connection_id = k.connection_id
"""
TELL_POSITIONS = """
UPDATE connections AS c
SET asked = false, cursor = k.cursor, live = k.live, said_at = clock_timestamp()
FROM (
    SELECT c.user_key, c.connection_id, n.cursor, n.live
    FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::boolean[])
    AS n (user_key, connection_id, cursor, live)
    JOIN connections AS c ON c.user_key = n.user_key AND c.connection_id = n.connection_id
    ORDER BY c.user_key, c.connection_id FOR UPDATE OF c SKIP LOCKED
) AS k WHERE c.user_key = k.user_key AND c.connection_id = k.connection_id
"""
# The trail of operators' actions; it belongs to no user.
BEGIN_ACTION = """
INSERT INTO operator_actions (at_us, action_id, operator, action, target, user_id, reason, node_id,
request_id, outcome, detail) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
"""
FORGET_ACTIONS = """
DELETE FROM operator_actions AS a USING (
    SELECT ordinal, at_us FROM operator_actions ORDER BY ordinal LIMIT $3 FOR UPDATE SKIP LOCKED
) AS old WHERE a.ordinal = old.ordinal AND (
    old.at_us < $2
    OR old.ordinal <= (SELECT max(ordinal) FROM operator_actions) - $1::bigint
)
"""
END_ACTION = "UPDATE operator_actions SET outcome = $2, detail = $3 WHERE action_id = $1"
ACTIONS = """
SELECT action_id, at_us, operator, action, target, user_id, reason, node_id, request_id, outcome,
detail, ordinal
FROM operator_actions WHERE ordinal < $1 ORDER BY ordinal DESC LIMIT $2
"""
