"""Redis, or anything that speaks its protocol, through redis-py's asyncio client."""
