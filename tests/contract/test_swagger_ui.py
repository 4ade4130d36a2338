import re

from rtmanager.http_app import SWAGGER_UI_PATH
from tests.contract.caller import Caller


async def test_page_loads_everything_from_this_process(caller: Caller) -> None:
    """Swagger UI works in a closed network: every script and style comes from here."""
    page = await caller.get(SWAGGER_UI_PATH)
    assets = re.findall(r'(?:src|href)="([^"]+)"', page.body.decode())
    answers = [await caller.get(SWAGGER_UI_PATH + asset.removeprefix("./")) for asset in assets]

    assert page.status == 200
    assert any(asset.endswith(".js") for asset in assets)
    assert {answer.status for answer in answers} == {200}


async def test_page_shows_the_spec(caller: Caller) -> None:
    """The page's document is the contract, with all operations."""
    page = await caller.get(SWAGGER_UI_PATH)
    url = re.search(r'url: "([^"]+)"', page.body.decode())
    assert url is not None
    spec = await caller.get(url[1])

    assert spec.json["info"]["title"] == "Galaxy Runtime Manager Internal REST API"
    assert len(spec.json["paths"]) == 9


async def test_path_without_its_slash_leads_to_the_page(caller: Caller) -> None:
    """Whoever types the address finds the page."""
    answer = await caller.get(SWAGGER_UI_PATH.rstrip("/"))

    assert (answer.status, answer.headers["location"]) == (307, SWAGGER_UI_PATH)


async def test_unknown_asset_is_not_found(caller: Caller) -> None:
    """A missing file is an error like every other."""
    assert (await caller.get(f"{SWAGGER_UI_PATH}nope.js")).error == (404, "not_found")
