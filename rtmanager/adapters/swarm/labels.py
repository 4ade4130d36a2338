"""The labels of a service in which the adapter remembers what Swarm does not."""

from collections.abc import Mapping

NAME = "com.galaxy.name"
"""The container's name in the port: unlike a service's own name, it can be changed."""
_PREFIX = "com.galaxy.swarm."
NETWORK = f"{_PREFIX}network"
"""The network's name; Swarm keeps its id."""
BEGUN_AT = f"{_PREFIX}begun_at"
"""When its process began that has ended; absent if none ever has."""
STOPPING = f"{_PREFIX}stopping"
"""The id of the node on which it is being stopped; absent once its end was seen."""
EXIT_CODE = f"{_PREFIX}exit_code"
FINISHED_AT = f"{_PREFIX}finished_at"
ERROR = f"{_PREFIX}error"
"""Why Swarm refused the last start."""
LOST = f"{_PREFIX}ended_with_node"
"""It has not ended by itself."""
REMOVING = f"{_PREFIX}removing"
"""It is being removed; whoever read an earlier version can no longer start it."""
OF_ONE_RUN = (STOPPING, EXIT_CODE, FINISHED_AT, ERROR, LOST)
"""What a new start forgets."""


def without_ours(labels: Mapping[str, str]) -> dict[str, str]:
    """Return the labels that the container was created with."""
    return {
        name: text for name, text in labels.items() if name != NAME and not name.startswith(_PREFIX)
    }
