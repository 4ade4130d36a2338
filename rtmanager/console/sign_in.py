"""Signing in: a browser sends no token by itself, so it is kept in a cookie (decision 0055)."""

import re
from http.cookies import Morsel

from starlette.responses import Response

from rtmanager.console.visit import Visit
from rtmanager.handlers.bearer_tokens import TOKEN, TOKEN_COOKIE
from rtmanager.handlers.headers import values_of

HOME = "/console/"

_OWN_PAGE = re.compile(r"/console/[A-Za-z0-9._~%/?&=-]*")
_NO_TOKEN = "This is not a token: one begins with rtm_ and has no blanks."  # noqa: S105 - a message
_UNKNOWN = "This token is not known here. A new one is made by `rtmanager token`."
_REFUSED = 401


async def show(visit: Visit) -> Response:
    """Ask for a token."""
    return _asked(visit, visit.query.get("next", ""))


async def sign_in(visit: Visit) -> Response:
    """Keep a token that the service knows in a cookie."""
    form = await visit.form()
    token, after = form.get("token", ""), form.get("next", "")
    if not TOKEN.fullmatch(token.encode("utf-8", "replace")):
        return _asked(visit, after, _NO_TOKEN)
    if not await visit.calls.knows(token):
        return _asked(visit, after, _UNKNOWN)
    answer = visit.redirect(after if _OWN_PAGE.fullmatch(after) else HOME)
    answer.headers["set-cookie"] = _cookie(visit, token)
    return answer


async def sign_out(visit: Visit) -> Response:
    """Forget the token."""
    answer = visit.redirect(f"{HOME}sign-in")
    answer.headers["set-cookie"] = _cookie(visit, "", max_age="0")
    return answer


def _asked(visit: Visit, after: str, fault: str = "") -> Response:
    status = _REFUSED if fault else 200
    return visit.page("sign_in.html", status=status, after=after, fault=fault)


def _cookie(visit: Visit, token: str, max_age: str = "") -> str:
    """Return the cookie, which no script can read and no page of another site can use.

    Behind a proxy the browser's own address says whether it came by TLS.
    """
    cookie: Morsel[str] = Morsel()
    cookie.set(TOKEN_COOKIE, token, token)
    origins = values_of(visit.request.scope, b"origin")
    is_secure = visit.request.url.scheme == "https" or any(
        each.startswith(b"https://") for each in origins
    )
    flags = {"path": "/", "httponly": "yes", "samesite": "Strict", "max-age": max_age}
    cookie.update({**flags, "secure": "yes" if is_secure else ""})
    return cookie.OutputString()
