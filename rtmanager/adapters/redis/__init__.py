"""Redis, or any server with its protocol, through redis-py's asyncio client."""
