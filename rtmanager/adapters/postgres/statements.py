"""Every SQL statement that the adapters send."""

# ruff: noqa: S608 - composed of the constants in this file; LiteralString proves it

from typing import LiteralString

_RECORD: LiteralString = """
    game_id, status, current_container_id, current_image_ref, image_id, engine_endpoint,
    state_path, docker_network, started_at, stopped_at, removed_at, last_op_at, created_at,
    last_fence
"""
_OPERATION: LiteralString = """
    id, game_id, kind, source, source_ref, reason, image_ref, request_container_id, container_id,
    predecessor, phase, cause, lost, steps, outcome, error_code, error_message, details,
    started_at, finished_at
"""
# What Docker's DNS makes of an id: "C" folds ASCII alone, and no game's id has anything else.
_DNS_NAME: LiteralString = """lower(rtrim(%(game_id)s::text COLLATE "C", '.'))"""

_LEADERSHIP: LiteralString = "hashtextextended('rtmanager.leader:' || current_schema(), 0)"

GET_RECORD: LiteralString = f"SELECT {_RECORD} FROM runtime_records WHERE game_id = %s"

LIST_RECORDS: LiteralString = f'SELECT {_RECORD} FROM runtime_records ORDER BY game_id COLLATE "C"'

# Serialises those who begin on one name also while it has no record that could be locked.
LOCK_GAME: LiteralString = f"SELECT pg_advisory_xact_lock(hashtextextended({_DNS_NAME}, 0))"

# No row: a later holder was here. An equal number is the same holder's.
SEE_LEASE: LiteralString = """
    INSERT INTO game_leases (game_id, number) VALUES (%(game_id)s, %(lease)s)
    ON CONFLICT (game_id) DO UPDATE SET number = excluded.number
    WHERE game_leases.number <= excluded.number
    RETURNING number
"""

HIGHEST_LEASE: LiteralString = "SELECT number FROM game_leases WHERE game_id = %s"

NAMESAKE: LiteralString = f"""
    SELECT game_id FROM runtime_records
    WHERE lower(rtrim(game_id, '.')) = {_DNS_NAME} AND game_id <> %(game_id)s
    UNION ALL
    SELECT game_id FROM operation_log
    WHERE outcome IS NULL
        AND lower(rtrim(game_id, '.')) = {_DNS_NAME} AND game_id <> %(game_id)s
    LIMIT 1
"""

LOCK_RECORD: LiteralString = f"{GET_RECORD} FOR UPDATE"

# A record tells what is true, so it is written also for a game whose name another one has already,
# as it may be since an earlier release: then without the name.
SAVE_RECORD: LiteralString = f"""
    INSERT INTO runtime_records ({_RECORD}, dns_name)
    VALUES (
        %(game_id)s, %(status)s, %(current_container_id)s, %(current_image_ref)s, %(image_id)s,
        %(engine_endpoint)s, %(state_path)s, %(docker_network)s, %(started_at)s, %(stopped_at)s,
        %(removed_at)s, %(last_op_at)s, %(created_at)s, %(last_fence)s,
        (
            SELECT {_DNS_NAME} WHERE NOT EXISTS (
                SELECT FROM runtime_records AS other
                WHERE lower(rtrim(other.game_id, '.')) = {_DNS_NAME}
                    AND other.game_id <> %(game_id)s
            )
        )
    )
    ON CONFLICT (game_id) DO UPDATE SET
        status = excluded.status,
        current_container_id = excluded.current_container_id,
        current_image_ref = excluded.current_image_ref,
        image_id = excluded.image_id,
        engine_endpoint = excluded.engine_endpoint,
        state_path = excluded.state_path,
        docker_network = excluded.docker_network,
        started_at = excluded.started_at,
        stopped_at = excluded.stopped_at,
        removed_at = excluded.removed_at,
        last_op_at = excluded.last_op_at,
        created_at = excluded.created_at,
        last_fence = excluded.last_fence,
        dns_name = coalesce(runtime_records.dns_name, excluded.dns_name)
    WHERE runtime_records.last_fence < excluded.last_fence
    RETURNING game_id
"""

OPEN_OPERATION: LiteralString = (
    f"SELECT {_OPERATION} FROM operation_log WHERE game_id = %s AND outcome IS NULL"
)

OPEN_OPERATIONS: LiteralString = (
    f"SELECT {_OPERATION} FROM operation_log WHERE outcome IS NULL ORDER BY id"
)

HANDED_OVER: LiteralString = (
    "SELECT id, game_id FROM operation_log WHERE outcome IS NULL AND handed_over ORDER BY id"
)

GET_OPERATION: LiteralString = f"SELECT {_OPERATION} FROM operation_log WHERE id = %s"

OPERATION_OF_JOB: LiteralString = f"""
    SELECT {_OPERATION} FROM operation_log
    WHERE source = 'lobby_stream' AND kind = %s AND source_ref = %s
"""

HISTORY: LiteralString = (
    f"SELECT {_OPERATION} FROM operation_log WHERE game_id = %s ORDER BY id DESC LIMIT %s"
)

INSERT_OPERATION: LiteralString = """
    INSERT INTO operation_log (
        game_id, kind, source, source_ref, reason, image_ref, request_container_id, container_id,
        predecessor, outcome, error_code, error_message, details, started_at, finished_at,
        lease_number
    )
    VALUES (
        %(game_id)s, %(kind)s, %(source)s, %(source_ref)s, %(reason)s, %(image_ref)s,
        %(request_container_id)s, %(container_id)s, %(predecessor)s, %(outcome)s, %(error_code)s,
        %(error_message)s, %(details)s, %(started_at)s, %(finished_at)s, %(lease)s
    )
    RETURNING id
"""

# A number in the row is never higher than the highest that was seen: whoever saw a lease has locked
# that one first.
# What was done for the operation, forward and back: it only grows.
_PROGRESS: LiteralString = """(
    SELECT count(DISTINCT (step->>'phase', step->>'name'))
    FROM jsonb_array_elements(steps) AS step WHERE step->>'result' = 'done'
)"""

# A lost process is blamed on all that it can have been at, in equal parts.
_BLAME: LiteralString = """1.0 / (
    SELECT count(*) FROM operation_log AS suspect
    WHERE suspect.outcome IS NULL AND NOT suspect.handed_over
)"""

_IS_LOST: LiteralString = "NOT handed_over AND lease_number IS DISTINCT FROM %(lease)s"

TAKE_OVER: LiteralString = f"""
    UPDATE operation_log SET
        lost = CASE
            WHEN NOT ({_IS_LOST}) THEN lost
            WHEN lost_at = {_PROGRESS} THEN lost + {_BLAME}
            ELSE {_BLAME}
        END,
        lost_at = CASE WHEN {_IS_LOST} THEN {_PROGRESS} ELSE lost_at END,
        handed_over = false,
        lease_number = %(lease)s
    WHERE game_id = %(game_id)s AND outcome IS NULL
    RETURNING {_OPERATION}
"""

# The conditions are looked at again once the row's lock is had: of two holders the later one rules.
_OURS: LiteralString = """
    id = %(id)s AND game_id = %(game_id)s AND outcome IS NULL AND lease_number = %(lease)s
"""

SAVE_OPERATION: LiteralString = f"""
    UPDATE operation_log SET
        phase = %(phase)s,
        cause = %(cause)s,
        steps = %(steps)s,
        handed_over = %(is_handed_over)s
    WHERE {_OURS}
    RETURNING id
"""

FINISH_OPERATION: LiteralString = f"""
    UPDATE operation_log SET
        phase = %(phase)s,
        cause = %(cause)s,
        steps = %(steps)s,
        container_id = %(container_id)s,
        outcome = %(outcome)s,
        error_code = %(error_code)s,
        error_message = %(error_message)s,
        details = %(details)s,
        finished_at = %(finished_at)s
    WHERE {_OURS}
    RETURNING id
"""

FINISHED_BY_US: LiteralString = """
    SELECT 1 FROM operation_log
    WHERE id = %(id)s AND game_id = %(game_id)s AND outcome IS NOT NULL AND lease_number = %(lease)s
"""

FENCES_REACH: LiteralString = """
    SELECT last_value - (NOT is_called)::int >= %s FROM operation_log_id_seq
"""

# Nobody draws an id meanwhile, and so nobody's id is taken back.
LOCK_OPERATIONS: LiteralString = "LOCK TABLE operation_log IN SHARE ROW EXCLUSIVE MODE"

RAISE_FENCES: LiteralString = """
    SELECT setval('operation_log_id_seq', %(above)s) FROM operation_log_id_seq
    WHERE last_value - (NOT is_called)::int < %(above)s
"""

# Looked for first, since a store that is read-only at the moment may know it well.
GET_INSTALLATION: LiteralString = "SELECT id FROM installation"

MAKE_INSTALLATION: LiteralString = (
    "INSERT INTO installation (id) VALUES (%s) ON CONFLICT DO NOTHING"
)

SAVE_HEALTH: LiteralString = """
    INSERT INTO health_snapshots (game_id, container_id, event_type, details, observed_at)
    VALUES (%(game_id)s, %(container_id)s, %(event_type)s, %(details)s, %(observed_at)s)
    ON CONFLICT (game_id) DO UPDATE SET
        container_id = excluded.container_id,
        event_type = excluded.event_type,
        details = excluded.details,
        observed_at = excluded.observed_at
"""

GET_HEALTH: LiteralString = """
    SELECT game_id, container_id, event_type, details, observed_at
    FROM health_snapshots WHERE game_id = %s
"""

LIST_BASELINES: LiteralString = """
    SELECT game_id, container_id, watch, failing, count FROM health_baselines WHERE watch = %s
"""

LOCK_RUNNING: LiteralString = """
    SELECT 1 FROM runtime_records
    WHERE game_id = %s AND current_container_id = %s AND status = 'running'
    FOR UPDATE
"""

SAVE_BASELINE: LiteralString = """
    INSERT INTO health_baselines (game_id, container_id, watch, failing, count)
    VALUES (%(game_id)s, %(container_id)s, %(watch)s, %(failing)s, %(count)s)
    ON CONFLICT (game_id, watch) DO UPDATE SET
        container_id = excluded.container_id,
        failing = excluded.failing,
        count = excluded.count
"""

INSERT_MESSAGE: LiteralString = """
    INSERT INTO outbox (game_id, stream, fields) VALUES (%(game_id)s, %(stream)s, %(fields)s)
"""

# Held to the commit, so that of two transactions with one key the later sees the other's message.
LOCK_QUIET_KEY: LiteralString = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 1))"

INSERT_QUIET_MESSAGE: LiteralString = """
    INSERT INTO outbox (game_id, stream, fields, quiet_key, quiet_until)
    SELECT %(game_id)s, %(stream)s, %(fields)s, %(quiet_key)s, %(quiet_until)s
    WHERE NOT EXISTS (
        SELECT FROM outbox WHERE quiet_key = %(quiet_key)s AND quiet_until > %(at)s
    )
"""

_OUTBOX: LiteralString = "hashtextextended('rtmanager.outbox:' || current_schema(), 0)"

BORROW_OUTBOX: LiteralString = f"SELECT pg_try_advisory_xact_lock({_OUTBOX})"

WAIT_FOR_OUTBOX: LiteralString = f"SELECT pg_advisory_xact_lock({_OUTBOX})"

# The server's clock, so that it goes on growing when a database is restored from a copy, and more
# than the last one, so that it also grows when that clock steps back. Only for who has the lock.
DRAW_OUTBOX_FENCE: LiteralString = """
    SELECT setval('outbox_fence', greatest(
        last_value + 1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
    ))
    FROM outbox_fence WHERE EXISTS (SELECT FROM outbox WHERE sent_at IS NULL)
"""

RAISE_OUTBOX_FENCE: LiteralString = """
    SELECT setval('outbox_fence', %(above)s) FROM outbox_fence WHERE last_value < %(above)s
"""

UNSENT_MESSAGES: LiteralString = """
    SELECT id, token, game_id, stream, fields FROM outbox
    WHERE sent_at IS NULL ORDER BY id LIMIT %s
"""

MARK_SENT: LiteralString = "UPDATE outbox SET sent_at = now() WHERE id = ANY(%s)"

PRUNE_OUTBOX: LiteralString = """
    DELETE FROM outbox WHERE id IN (
        SELECT id FROM outbox
        WHERE sent_at < %(before)s AND (quiet_until IS NULL OR quiet_until < %(before)s)
        LIMIT %(limit)s
    )
"""

LISTEN_TO_OUTBOX: LiteralString = "LISTEN rtmanager_outbox"

TAKE_LEADERSHIP: LiteralString = f"SELECT pg_try_advisory_lock({_LEADERSHIP})"

# Postgres shows a lock's key in halves.
HOLD_LEADERSHIP: LiteralString = f"""
    SELECT EXISTS (
        SELECT FROM pg_locks
        WHERE locktype = 'advisory' AND objsubid = 1 AND granted AND pid = pg_backend_pid()
            AND (classid::bigint << 32 | objid::bigint) = {_LEADERSHIP}
    )
"""

# All, since a session that took its lock twice would have to leave it twice.
LEAVE_LEADERSHIP: LiteralString = "SELECT pg_advisory_unlock_all()"
