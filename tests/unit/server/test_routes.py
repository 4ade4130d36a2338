from starlette.responses import Response
from starlette.routing import Route

from rtmanager.server.routes import Routes


def to(name: str, path: str, method: str = "GET") -> Route:
    """Return a route to an endpoint that is only a name."""
    route = Route(path, lambda _: Response(), methods=[method])
    route.endpoint = name  # type: ignore[assignment]
    return route


ROUTES = Routes(
    [
        to("list", "/games"),
        to("get", "/games/{game}"),
        to("newest", "/games/newest"),
        to("step", "/games/{game}/steps/{step}"),
        to("other", "/games/{game}/steps/{number}/other"),
        to("start", "/games/{game}/start", "POST"),
    ]
)


def test_route_is_found_with_the_texts_in_its_path() -> None:
    """Names repeat in other routes, and each route has its own."""
    assert ROUTES.find("GET", "/games") == ("list", {})
    assert ROUTES.find("GET", "/games/a%2Fb") == ("get", {"game": "a%2Fb"})
    assert ROUTES.find("GET", "/games/a/steps/7") == ("step", {"game": "a", "step": "7"})
    assert ROUTES.find("GET", "/games/a/steps/7/other") == ("other", {"game": "a", "number": "7"})
    assert ROUTES.find("POST", "/games/a/start") == ("start", {"game": "a"})


def test_first_route_in_order_is_found() -> None:
    """As in the router that they are from."""
    assert ROUTES.find("GET", "/games/newest") == ("get", {"game": "newest"})


def test_head_is_found_like_get() -> None:
    """Routers add it to every route for GET."""
    assert ROUTES.find("HEAD", "/games/a") == ("get", {"game": "a"})


def test_anything_else_is_left_to_the_router() -> None:
    """A wrong method, another path, and a path that only begins or ends as one."""
    for path in ["/games/a/start", "/nope", "/games/", "x/games", "/games/a/steps/"]:
        assert ROUTES.find("GET", path) is None
    assert ROUTES.find("BREW", "/games") is None
