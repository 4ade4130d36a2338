"""Every SQL statement that the adapters send."""

# ruff: noqa: S608 - composed of the constants in this file; LiteralString proves it

from typing import LiteralString

_RECORD: LiteralString = """
    game_id, status, current_container_id, current_image_ref, image_id, engine_endpoint,
    state_path, docker_network, started_at, stopped_at, removed_at, last_op_at, created_at,
    last_fence
"""
_OPERATION: LiteralString = """
    id, game_id, kind, source, source_ref, reason, image_ref, container_id,
    outcome, error_code, error_message, steps, details, started_at, finished_at
"""

_LEADERSHIP: LiteralString = "hashtextextended('rtmanager.leader:' || current_schema(), 0)"

GET_RECORD: LiteralString = f"SELECT {_RECORD} FROM runtime_records WHERE game_id = %s"

LIST_RECORDS: LiteralString = f'SELECT {_RECORD} FROM runtime_records ORDER BY game_id COLLATE "C"'

# Serialises those who begin on one game also while it has no record that could be locked.
LOCK_GAME: LiteralString = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"

LOCK_RECORD: LiteralString = f"{GET_RECORD} FOR UPDATE"

SAVE_RECORD: LiteralString = f"""
    INSERT INTO runtime_records ({_RECORD})
    VALUES (
        %(game_id)s, %(status)s, %(current_container_id)s, %(current_image_ref)s, %(image_id)s,
        %(engine_endpoint)s, %(state_path)s, %(docker_network)s, %(started_at)s, %(stopped_at)s,
        %(removed_at)s, %(last_op_at)s, %(created_at)s, %(last_fence)s
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
        last_fence = excluded.last_fence
    WHERE runtime_records.last_fence < excluded.last_fence
"""

OPEN_OPERATION: LiteralString = (
    f"SELECT {_OPERATION} FROM operation_log WHERE game_id = %s AND outcome IS NULL"
)

OPEN_OPERATIONS: LiteralString = (
    f"SELECT {_OPERATION} FROM operation_log WHERE outcome IS NULL ORDER BY id"
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
        game_id, kind, source, source_ref, reason, image_ref,
        outcome, error_code, error_message, started_at, finished_at
    )
    VALUES (
        %(game_id)s, %(kind)s, %(source)s, %(source_ref)s, %(reason)s, %(image_ref)s,
        %(outcome)s, %(error_code)s, %(error_message)s, %(started_at)s, %(finished_at)s
    )
    RETURNING id
"""

CLOSE_OPERATION: LiteralString = """
    UPDATE operation_log SET
        container_id = %(container_id)s,
        outcome = %(outcome)s,
        error_code = %(error_code)s,
        error_message = %(error_message)s,
        steps = %(steps)s,
        details = %(details)s,
        finished_at = %(finished_at)s
    WHERE id = %(id)s AND game_id = %(game_id)s AND outcome IS NULL
        AND NOT EXISTS (
            SELECT FROM runtime_records AS record
            WHERE record.game_id = %(game_id)s AND record.last_fence >= %(id)s
        )
    RETURNING id
"""

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

# The fence is the server's clock: it goes on growing when a database is restored from a copy.
BORROW_OUTBOX: LiteralString = """
    SELECT pg_try_advisory_xact_lock(hashtextextended('rtmanager.outbox:' || current_schema(), 0)),
        (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
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
