-- works-with: 1
-- Inserts the places of many connections in one call, all or none. It stores nothing and returns nulls
-- if a credential was revoked, a limit may be reached, or a user has no journal; the caller then takes
-- the places one by one, under the same locks.
--
-- keys must be sorted. The place_ arrays have one entry for each place: place_user is the index of its
-- user in keys, and place_room is how many places that user may have already. Places of lost nodes count
-- here, so the caller decides whether they do.
CREATE FUNCTION take_places(
    keys uuid[],
    place_user integer[], place_connection text[], place_node text[], place_kind text[],
    place_opened bigint[], place_agent text[],
    place_room integer[], place_token text[], place_issued float8[],
    OUT feeds text[], OUT heads bigint[], OUT trims bigint[], OUT voids float8[]
)
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
#variable_conflict use_column
DECLARE
    found uuid[];
    known_feeds text[];
BEGIN
    SELECT array_agg(l.user_key), array_agg(l.feed), array_agg(l.head), array_agg(l.trimmed),
    array_agg(l.revoked_before) INTO found, known_feeds, heads, trims, voids
    FROM (
        SELECT u.user_key, u.feed, u.head, u.trimmed, u.revoked_before FROM users AS u
        WHERE u.user_key = ANY(keys) ORDER BY u.user_key FOR UPDATE
    ) AS l;
    IF found IS DISTINCT FROM keys THEN
        RETURN;
    END IF;

    IF EXISTS (
        SELECT FROM unnest(place_user, place_room, place_token, place_issued)
        AS n (who, room, token, issued)
        WHERE n.issued < voids[n.who]
        OR EXISTS (
            SELECT FROM revoked_tokens AS r WHERE r.user_key = keys[n.who] AND r.token_id = n.token
        )
        OR n.room < (
            SELECT count(*) FROM connections AS c
            WHERE c.user_key = keys[n.who] AND c.unwanted IS NULL
        )
    ) THEN
        RETURN;
    END IF;

    INSERT INTO connections (user_key, connection_id, node_id, kind, opened_us, agent)
    SELECT keys[n.who], n.connection, n.node, n.kind, n.opened, n.agent
    FROM unnest(
        place_user, place_connection, place_node, place_kind, place_opened, place_agent
    ) AS n (who, connection, node, kind, opened, agent)
    ORDER BY n.who, n.connection
    ON CONFLICT (user_key, connection_id) DO NOTHING;

    feeds := known_feeds;
END
$$;
