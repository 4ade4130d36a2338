"""Writing messages into the outbox, in the transaction of what they tell."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from rtmanager.adapters.postgres import rows, statements
from rtmanager.adapters.postgres.deadline import Connection
from rtmanager.domain.outbox import OutboxMessage


async def insert_messages(
    connection: Connection, messages: Sequence[OutboxMessage], *, at: datetime
) -> None:
    """Insert the messages in their order, but none that an earlier one keeps quiet."""
    for message in messages:
        if message.quiet_key is None:
            parameters = rows.message_parameters(message)
            await connection.execute(statements.INSERT_MESSAGE, parameters)
        else:
            await connection.execute(statements.LOCK_QUIET_KEY, [message.quiet_key])
            parameters = _quiet_parameters(message, at)
            await connection.execute(statements.INSERT_QUIET_MESSAGE, parameters)


def _quiet_parameters(message: OutboxMessage, at: datetime) -> rows.Parameters:
    return rows.message_parameters(message) | {
        "quiet_key": message.quiet_key,
        "quiet_until": at + timedelta(seconds=message.quiet_for),
        "at": at,
    }
