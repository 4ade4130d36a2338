import asyncio
import json
import re
import sys
from dataclasses import replace
from typing import Any
from urllib.parse import urljoin

import psutil
import pytest
import yaml
from connexion.json_schema import resolve_refs

from rtmanager import spec_dir
from rtmanager.handlers.spec_examples import OPERATIONS
from rtmanager.handlers.swagger_ui import (
    OPERATOR_SPEC_PATH,
    OPERATOR_UI_PATH,
    SPEC_PATH,
    SWAGGER_UI_PATH,
)
from rtmanager.server.connexion_app import OPERATOR_SPEC_FILE, SPEC_FILE
from tests.contract.caller import Caller

FILES = ["swagger-ui-bundle.js", "swagger-ui.css", "favicon-32x32.png", "page.js", "page.css"]
PAGES = [SWAGGER_UI_PATH, OPERATOR_UI_PATH]
CONSOLE = {SWAGGER_UI_PATH: "../console/", OPERATOR_UI_PATH: "../../console/"}


@pytest.mark.parametrize("path", PAGES)
async def test_page_loads_everything_from_this_process(path: str, caller: Caller) -> None:
    """Swagger UI works in a closed network because it loads every script and style from here."""
    page = await caller.get(path)
    assets = re.findall(r'(?:src|href|data-spec)="([^"]+)"', page.body.decode())
    answers = {asset: await caller.get(urljoin(path, asset)) for asset in assets}

    assert page.status == 200
    assert any(asset.endswith(".js") for asset in assets)
    assert CONSOLE[path] in answers
    assert {asset for asset, answer in answers.items() if answer.status != 200} == set()


@pytest.mark.parametrize("path", PAGES)
async def test_browser_refuses_whatever_else_the_page_would_load(path: str, caller: Caller) -> None:
    """The page names no other host and has no script or style of its own; its policy allows none.

    A real browser shows in tests/acceptance/test_swagger_ui.py that Swagger UI works with it.
    """
    page = await caller.get(path)
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
    for name in ("oauth2-redirect.html", "swagger-ui.js", "index.css", "LICENSE"):
        assert (await caller.get(f"{SWAGGER_UI_PATH}{name}")).error == (404, "not_found")


async def test_swagger_ui_is_of_the_present_major_version(caller: Caller) -> None:
    """The page runs a Swagger UI 5 that can be dark."""
    script = (await caller.get(f"{SWAGGER_UI_PATH}swagger-ui-bundle.js")).body.decode()
    version = re.search(r'PACKAGE_VERSION:"5\.(\d+)\.\d+"', script)

    assert version is not None
    assert int(version[1]) >= 34
    assert "flask_swagger_ui" not in sys.modules  # it would bring a framework


@pytest.mark.parametrize(
    ("path", "spec_file"), [(SWAGGER_UI_PATH, SPEC_FILE), (OPERATOR_UI_PATH, OPERATOR_SPEC_FILE)]
)
async def test_page_shows_the_spec(path: str, spec_file: str, caller: Caller) -> None:
    """The page shows the contract and sends requests to its own address."""
    url = re.search(r'data-spec="([^"]+)"', (await caller.get(path)).body.decode())
    assert url is not None
    spec = (await caller.get(urljoin(path, url[1]))).json
    (server,) = spec.pop("servers")

    contract = yaml.safe_load((spec_dir() / spec_file).read_text(encoding="utf-8"))
    del contract["servers"]
    assert without_examples(resolve_refs(spec)) == without_examples(resolve_refs(contract))
    assert urljoin(urljoin(f"http://rtm{path}", url[1]), server["url"]) == "http://rtm/"


async def test_examples_of_an_answer_are_those_of_the_operation(caller: Caller) -> None:
    """An answer that operations share shows at each of them only what it can answer there."""
    specs = [(await caller.get(each)).json for each in (SPEC_PATH, OPERATOR_SPEC_PATH)]
    shown = {
        operation["operationId"]: sorted(
            operation["responses"]["400"]["content"]["application/json"]["examples"]
        )
        for spec in specs
        for path in spec["paths"].values()
        for operation in path.values()
        if "400" in operation["responses"]
    }

    assert "malformedReference" in shown["internalStartRuntime"]
    assert "malformedReference" not in shown["internalStopRuntime"]
    assert "notSemver" not in shown["internalStartRuntime"]
    assert all(shown.values())
    assert all(OPERATIONS not in json.dumps(spec["paths"]) for spec in specs)


@pytest.mark.parametrize("path", PAGES)
async def test_path_without_its_slash_leads_to_the_page(path: str, caller: Caller) -> None:
    """The address without its trailing slash redirects to the page, under any prefix."""
    answer = await caller.get(path.rstrip("/"))

    assert answer.status == 307
    assert urljoin(path.rstrip("/"), answer.headers["location"]) == path


async def test_address_without_a_path_leads_to_the_console(caller: Caller) -> None:
    """Who opens the service in a browser finds the console; the address is no operation."""
    answers = [await caller.send(method, "/") for method in ("GET", "HEAD", "POST")]
    specs = [(await caller.get(each)).json["paths"] for each in (SPEC_PATH, OPERATOR_SPEC_PATH)]

    assert [each.status for each in answers] == [307, 307, 405]
    assert answers[0].headers["location"] == "console/"
    assert all("/" not in paths for paths in specs)


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


def without_examples(node: Any) -> Any:
    """Return a part of a spec without the examples of answers."""
    if isinstance(node, dict):
        return {key: without_examples(each) for key, each in node.items() if key != "examples"}
    return [without_examples(each) for each in node] if isinstance(node, list) else node
