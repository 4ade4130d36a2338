"""Starting, stopping, restarting, patching and cleaning up games, by forms without scripts."""

from collections.abc import Mapping
from urllib.parse import quote

from starlette.responses import Response

from rtmanager.client import ClientError, Unauthorized
from rtmanager.console.visit import Visit

ACTIONS = ("start", "stop", "restart", "patch", "cleanup")


async def new_game(visit: Visit) -> Response:
    """Ask for a game and its image."""
    return _asked(visit, "start", "", {})


async def ask(visit: Visit) -> Response:
    """Ask whether to do it, and what it needs."""
    explained = await visit.calls.explanation(visit.game_id)
    return _asked(visit, _action(visit), visit.game_id, {"image_ref": explained.image_ref or ""})


async def start_new(visit: Visit) -> Response:
    """Start the game that the form names."""
    form = await visit.form()
    game_id = form.get("game_id", "")
    if not game_id:
        return _asked(visit, "start", "", form, fault="The game id is empty.", status=400)
    return await _done(visit, "start", game_id, form)


async def act(visit: Visit) -> Response:
    """Do it; the answer comes when it is done."""
    return await _done(visit, _action(visit), visit.game_id, await visit.form())


async def _done(visit: Visit, action: str, game_id: str, form: Mapping[str, str]) -> Response:
    try:
        await visit.calls.act(game_id, action, form)
    except Unauthorized:
        raise
    except ClientError as error:
        return _asked(visit, action, game_id, form, fault=error, status=error.status or 503)
    page = f"/console/games/{quote(game_id, safe='')}"
    return visit.redirect(f"{page}?request={quote(visit.calls.request_id)}")


def _asked(  # noqa: PLR0913 - what a form shows
    visit: Visit,
    action: str,
    game_id: str,
    form: Mapping[str, str],
    *,
    fault: ClientError | str | None = None,
    status: int = 200,
) -> Response:
    return visit.page(
        "action.html", status=status, action=action, game_id=game_id, form=form, fault=fault
    )


def _action(visit: Visit) -> str:
    return str(visit.request.path_params["action"])
