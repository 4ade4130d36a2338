from rtmanager.handlers.raw_path import RawPath, path_parameter
from tests.unit.handlers.middleware import Behind, receive, request


async def test_routers_see_the_encoded_path() -> None:
    """An encoded slash separates nothing."""
    behind = Behind()

    await RawPath(behind)(request(path="/a/b", raw_path=b"/a%2Fb"), receive, behind.send)

    assert behind.arrived["path"] == "/a%2Fb"


async def test_server_without_raw_paths_gets_one_made() -> None:
    """Where the server keeps only the decoded path, it is encoded again."""
    behind = Behind()

    await RawPath(behind)(request(path="/é\n"), receive, behind.send)

    assert behind.arrived["path"] == "/%C3%A9%0A"


def test_parameter_is_decoded_where_it_is_read() -> None:
    """Bytes that are no UTF-8 become replacement characters, which no game id has."""
    assert path_parameter({"path_params": {"game_id": "a%2Fb%FF"}}, "game_id") == "a/b\ufffd"
