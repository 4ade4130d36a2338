"""What people read instead of the contracts' names."""

from collections.abc import Mapping

KINDS: Mapping[str, str] = {
    "start": "Start",
    "stop": "Stop",
    "restart": "Restart",
    "patch": "Patch",
    "cleanup_container": "Remove container",
    "reconcile_adopt": "Adopt engine",
    "reconcile_dispose": "Container gone",
    "reconcile_observed_exit": "Engine exited",
}
SOURCES: Mapping[str, str] = {
    "lobby_stream": "the Lobby",
    "gm_rest": "the Game Master",
    "admin_rest": "an operator",
    "auto_ttl": "retention",
    "auto_reconcile": "the reconciler",
}
STEPS: Mapping[str, str] = {
    "obtain_image": "Obtain image",
    "prepare_state": "Prepare state directory",
    "park": "Park old container",
    "stop": "Stop engine",
    "create": "Create container",
    "start": "Start engine",
    "watch_gate": "Wait for health",
    "remove": "Remove container",
    "set_aside": "Set container aside",
    "unpark": "Put old container back",
}
OUTCOMES: Mapping[str, str] = {"open": "running", "success": "done", "failure": "failed"}
GAME_ID_RULE = "1 to 51 characters of A-Z a-z 0-9 _ . - beginning with a letter or digit"
OBSERVED = ("reconcile_dispose", "reconcile_observed_exit")
"""The kinds that only record what has happened to an engine."""
RESULTS: Mapping[str, str] = {
    "running": "running",
    "done": "done",
    "refused": "failed",
    "unknown": "outcome unknown",
}
STOP_REASONS: Mapping[str, str] = {
    "admin_request": "by an operator",
    "finished": "the game is over",
    "cancelled": "the game was cancelled",
    "timeout": "took too long",
    "orphan_cleanup": "nobody uses it",
}
DRIFTS: Mapping[str, str] = {
    "open_operation": "Open operation",
    "adopt": "Engine without record",
    "dispose": "Container missing",
    "observed_exit": "Engine exited",
    "misnamed": "Wrong name",
    "stale_container": "Stale container",
    "node_lost": "Lost with its node",
}


def word(value: str, words: Mapping[str, str]) -> str:
    """Return the word for a value; a value of a newer service is shown as it is."""
    return words.get(value) or plain(value)


def plain(value: str) -> str:
    """Return a name of the contracts as words."""
    return value.replace("_", " ")
