"""Swagger UI of both specs in a real browser, on a desktop and on a phone."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from tests.acceptance.swagger_ui import block_of, try_it_out
from tests.support.environment import Environment, new_game, remove_games
from tests.support.playwright_browser import (
    DESKTOP,
    PHONE,
    Scheme,
    check_accessibility,
    chromium,
    fits_the_width,
    new_page,
)

__all__ = ["chromium"]

INTERNAL, OPERATOR = "/ui/", "/ui/operator/"
KNOWN = [
    # Swagger UI 5.34's own: an operation's line is a button that contains buttons ...
    ("nested-interactive", ".opblock-summary-control"),
    # ... choices of an example, a value or a media type have no label, nor has a body ...
    ("select-name", "select"),
    ("label", "textarea"),
    # ... and a long answer scrolls, but not by keyboard.
    ("scrollable-region-focusable", "pre"),
    ("scrollable-region-focusable", ".curl"),
]
"""Violations of accessibility that are in its script, where we cannot correct them."""


@pytest.fixture
def game(docker_api: Any) -> Iterator[str]:
    """Return the id of a game that was never started."""
    name = new_game()
    yield name
    remove_games(docker_api, [name])


def shown(environment: Environment, page: Page, path: str) -> Page:
    """Open one of the pages, and wait until it shows the operations."""
    page.goto(f"{environment.service.url}{path}")
    page.locator(".opblock").first.wait_for()
    return page


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_game_is_started_from_the_page(
    environment: Environment, chromium: Browser, game: str, size: ViewportSize
) -> None:
    """Try it out of the internal API begins an operation, with the example's image."""
    with new_page(chromium, size=size) as page:
        answer = try_it_out(shown(environment, page, INTERNAL), "internalStartRuntime", game)
        wide = not fits_the_width(page)
        check_accessibility(page, KNOWN)

    assert '"status": "running"' in answer
    assert [row["kind"] for row in environment.operations(game)] == ["start"]
    assert not wide


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_log_is_searched_from_the_page(
    environment: Environment, chromium: Browser, size: ViewportSize
) -> None:
    """Try it out of the operator API shows what it answers."""
    with new_page(chromium, size=size, scheme="dark") as page:
        answer = try_it_out(shown(environment, page, OPERATOR), "operatorListOperations")
        wide = not fits_the_width(page)
        check_accessibility(page, KNOWN)

    assert '"next_cursor"' in answer
    assert not wide


@pytest.mark.parametrize("path", [INTERNAL, OPERATOR])
@pytest.mark.parametrize(
    ("size", "scheme"), [(DESKTOP, "light"), (PHONE, "dark")], ids=["desktop", "phone"]
)
def test_first_screen_shows_operations(
    environment: Environment, chromium: Browser, path: str, size: ViewportSize, scheme: Scheme
) -> None:
    """The page says what it is, of which version, and shows operations without scrolling."""
    with new_page(chromium, size=size, scheme=scheme) as page:
        first = shown(environment, page, path).locator(".opblock").nth(1).bounding_box()
        title, text = page.title(), page.locator("body").inner_text()
        dark = page.evaluate("document.documentElement.classList.contains('dark-mode')")

    assert first is not None
    assert first["y"] + first["height"] <= size["height"]
    assert title.endswith("API · Galaxy Runtime Manager")
    assert "0.1.0" in text
    assert "Servers" not in text
    assert dark is (scheme == "dark")


def test_introduction_is_folded_and_unfolds(environment: Environment, chromium: Browser) -> None:
    """The rules of the API are one click away."""
    with new_page(chromium) as page:
        rules = shown(environment, page, INTERNAL).get_by_text("Repeating a request is safe")
        expect(rules).to_be_hidden()
        page.get_by_text("How this API works").click()
        expect(rules).to_be_visible()


def test_models_are_readable(environment: Environment, chromium: Browser) -> None:
    """Nothing of how Swagger UI keeps the spec is in the text of a model."""
    with new_page(chromium) as page:
        models = shown(environment, page, INTERNAL).locator("section.models")
        models.locator("button").first.click()
        for control in models.locator(".model-container .model-box-control").all():
            control.click()
        expect(models).to_contain_text("current_container_id")

        assert "OrderedMap" not in models.inner_text()


def test_link_to_an_operation_opens_it(environment: Environment, chromium: Browser) -> None:
    """An operation has an address that can be sent to somebody."""
    with new_page(chromium) as page:
        shown(environment, page, f"{OPERATOR}#/Games/operatorListRuntimes")

        expect(block_of(page, "operatorListRuntimes").locator(".try-out__btn")).to_be_visible()


def test_pages_lead_to_each_other(environment: Environment, chromium: Browser) -> None:
    """The other API is one click away."""
    with new_page(chromium) as page:
        shown(environment, page, INTERNAL).get_by_role("link", name="Operator API").click()
        page.locator(".opblock").first.wait_for()

        assert page.url == f"{environment.service.url}{OPERATOR}"
