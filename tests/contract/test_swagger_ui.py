import asyncio
import re
from dataclasses import replace
from urllib.parse import urljoin

import psutil
import pytest
import yaml

from rtmanager import spec_dir
from rtmanager.handlers.swagger_ui import SWAGGER_UI_PATH
from rtmanager.server.connexion_app import SPEC_FILE
from tests.contract.caller import Caller

FILES = ["swagger-ui-bundle.js", "swagger-ui.css", "favicon-32x32.png"]
HERE = f"http://rtm{SWAGGER_UI_PATH}"


async def test_page_loads_everything_from_this_process(caller: Caller) -> None:
    """Swagger UI works in a closed network because it loads every script and style from here."""
    page = await caller.get(SWAGGER_UI_PATH)
    assets = re.findall(r'(?:src|href)="([^"]+)"', page.body.decode())
    answers = [await caller.get(urljoin(SWAGGER_UI_PATH, asset)) for asset in assets]

    assert page.status == 200
    assert any(asset.endswith(".js") for asset in assets)
    assert {answer.status for answer in answers} == {200}


async def test_browser_refuses_whatever_else_the_page_would_load(caller: Caller) -> None:
    """The page names no other host and has no script or style of its own; its policy allows none.

    A real browser shows in tests/acceptance/test_browser.py that Swagger UI works with it.
    """
    page = await caller.get(SWAGGER_UI_PATH)
    text, policy = page.body.decode(), page.headers["content-security-policy"]
    directives = dict(each.split(maxsplit=1) for each in policy.split(";"))

    assert "://" not in text
    assert re.findall(r"<script>|<style| style=| on\w+=", text) == []
    assert directives == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
    }


async def test_other_pages_of_swagger_uis_package_are_not_served(caller: Caller) -> None:
    """Its files include an editor and pages with scripts of their own, without a policy."""
    for name in ("oauth2-redirect.html", "swagger-editor.js", "swagger-initializer.js", "LICENSE"):
        assert (await caller.get(f"{SWAGGER_UI_PATH}{name}")).error == (404, "not_found")


async def test_swagger_ui_is_of_the_present_major_version(caller: Caller) -> None:
    """The page runs Swagger UI 5."""
    script = (await caller.get(f"{SWAGGER_UI_PATH}swagger-ui-bundle.js")).body.decode()

    assert re.search(r'PACKAGE_VERSION:"5\.\d+\.\d+"', script)


async def test_page_shows_the_spec(caller: Caller) -> None:
    """The page shows the contract and sends requests to its own address."""
    script = await caller.get(f"{SWAGGER_UI_PATH}page.js")
    url = re.search(r'url: "([^"]+)"', script.body.decode())
    assert url is not None
    spec = (await caller.get(urljoin(SWAGGER_UI_PATH, url[1]))).json
    (server,) = spec.pop("servers")

    contract = yaml.safe_load((spec_dir() / SPEC_FILE).read_text(encoding="utf-8"))
    assert spec == {key: value for key, value in contract.items() if key != "servers"}
    assert urljoin(urljoin(HERE, url[1]), server["url"]) == "http://rtm/"


async def test_path_without_its_slash_leads_to_the_page(caller: Caller) -> None:
    """The address without its trailing slash redirects to the page."""
    answer = await caller.get(SWAGGER_UI_PATH.rstrip("/"))

    assert (answer.status, answer.headers["location"]) == (307, SWAGGER_UI_PATH)


async def test_unknown_asset_is_not_found(caller: Caller) -> None:
    """A missing file is answered with the usual error envelope."""
    assert (await caller.get(f"{SWAGGER_UI_PATH}nope.js")).error == (404, "not_found")


async def test_page_is_only_read(caller: Caller) -> None:
    """Any other method is answered with the usual error envelope."""
    assert (await caller.send("DELETE", SWAGGER_UI_PATH)).error == (405, "invalid_request")


@pytest.mark.parametrize("name", FILES)
async def test_downloads_that_nobody_reads_keep_no_file_open(name: str, caller: Caller) -> None:
    """Callers that ask and do not read cannot take the descriptors of this process."""
    path = f"{SWAGGER_UI_PATH}{name}"
    await caller.get(path)
    before = psutil.Process().num_fds()

    caller.reads.clear()
    downloads = [asyncio.create_task(caller.get(path)) for _ in range(20)]
    async with asyncio.timeout(10):
        while caller.unread < len(downloads):  # noqa: ASYNC110 - nobody else waits for it
            await asyncio.sleep(0)
    opened = psutil.Process().num_fds() - before
    caller.reads.set()

    assert opened == 0
    assert {answer.status for answer in await asyncio.gather(*downloads)} == {200}


@pytest.mark.parametrize("name", FILES)
async def test_part_of_a_file_is_never_an_error(name: str, caller: Caller) -> None:
    """Only whole files are served, so that a range needs no error of its own."""
    path = f"{SWAGGER_UI_PATH}{name}"
    part = await caller.send("GET", path, headers=[(b"range", b"bytes=900000000-")])

    assert part == replace(await caller.get(path), headers=part.headers)
    assert (await caller.send("HEAD", path)).status == 200
    assert (await caller.send("POST", path)).error == (405, "invalid_request")
