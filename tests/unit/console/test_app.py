import re

import httpx
import pytest

from tests.unit.console.fake_service import FakeService, explanation


async def test_pages_load_and_run_only_files_of_this_service(browser: httpx.AsyncClient) -> None:
    """The policy forbids inline scripts and styles, frames and other sites; no cache keeps it."""
    headers = (await browser.get("/console/")).headers

    policy = headers["content-security-policy"]
    assert "default-src 'none'; script-src 'self'; style-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["cache-control"] == "no-store"


async def test_no_page_has_what_its_policy_forbids(
    service: FakeService, browser: httpx.AsyncClient
) -> None:
    """Neither style attributes nor handlers, and no address of another site."""
    service.explanations["g1"] = explanation("g1")
    for path in ("", "service", "games/g1", "games/g1/stop", "sign-in", "nope"):
        page = (await browser.get(f"/console/{path}")).text

        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?! type=\"module\" src=)", page)
        assert not re.search(r"\s(?:src|href|action)=\"(?!/|#|\?|\")", page)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("console.css", "text/css"), ("console.js", "text/javascript"), ("icon.svg", "image/svg+xml")],
)
async def test_files_are_sent_once(browser: httpx.AsyncClient, name: str, kind: str) -> None:
    """A browser asks whether they have changed, and is answered without them."""
    path = f"/console/assets/{name}"
    first = await browser.get(path)
    again = await browser.get(path, headers={"if-none-match": first.headers["etag"]})

    assert first.headers["content-type"].startswith(kind)
    assert again.status_code == 304


async def test_scripts_import_files_that_exist(browser: httpx.AsyncClient) -> None:
    """A module that is missing would leave every page without life."""
    wanted, seen = ["console.js"], set()
    while wanted:
        name = wanted.pop()
        answer = await browser.get(f"/console/assets/{name}")
        assert answer.status_code == 200, name
        seen.add(name)
        found = re.findall(r'from "\./([\w.]+)"', answer.text)
        wanted += [each for each in found if each not in seen]

    assert len(seen) > 5


@pytest.mark.parametrize("path", ["/console", "/console/"])
async def test_console_is_found_without_the_slash(browser: httpx.AsyncClient, path: str) -> None:
    """Both addresses lead to the list."""
    answer = await browser.get(path, follow_redirects=True)

    assert (answer.status_code, answer.url.path) == (200, "/console/")


@pytest.mark.parametrize("path", ["/consoles", "/api/v1/operator/runtimes", "/readyz"])
async def test_other_paths_are_passed_on(browser: httpx.AsyncClient, path: str) -> None:
    """The console answers for its own pages only."""
    assert "content-security-policy" not in (await browser.get(path)).headers
