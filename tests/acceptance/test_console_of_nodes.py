"""The pages of nodes in a real browser, on a service with a Swarm that does not exist."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.console_screenshots import example, served
from tests.support.playwright_browser import (
    DESKTOP,
    PHONE,
    check_accessibility,
    chromium,
    fits_the_width,
    new_page,
)
from tests.unit.console.fake_service import FakeService

__all__ = ["chromium"]


@pytest.fixture(scope="module")
def service() -> FakeService:
    """Return a service with six nodes, one of them down and one drained."""
    return example()


@pytest.fixture(scope="module")
def console(service: FakeService) -> Iterator[str]:
    """Return the address of its console."""
    with served(service) as address:
        yield address


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_lost_node_is_vouched_for_step_by_step(
    service: FakeService, console: str, chromium: Browser, size: object
) -> None:
    """The list leads to the node, the node to a form, which wants a tick and a button."""
    service.said.clear()
    with new_page(chromium, size=size) as page:  # type: ignore[arg-type]
        page.goto(f"{console}nodes")
        expect(page.get_by_text("down: unknown")).to_be_visible()
        check(page)
        page.get_by_role("link", name="games-5").click()
        check(page)
        page.get_by_role("link", name="It is off").click()
        check(page)
        page.get_by_role("button", name="It is off").click()
        assert service.said == []  # the browser asks for the tick
        page.get_by_label("I vouch").check()
        page.get_by_role("button", name="It is off").click()
        expect(page.locator("#advice")).to_be_visible()

    assert service.said == [("lost", "id-of-games-5", {})]


def test_page_follows_a_drain(service: FakeService, console: str, chromium: Browser) -> None:
    """An event of any game that moves lets the page look again."""
    with new_page(chromium) as page:
        page.goto(f"{console}nodes/games-4")
        page.get_by_text("Live", exact=True).wait_for()
        node = next(each for each in service.nodes if each["name"] == "games-4")
        node |= {"games": [], "games_left": 0, "advice": "It is drained."}
        service.events.append(("operation", {"type": "operation", "game_id": "g"}))
        expect(page.locator("#advice")).to_have_text("It is drained.")


def check(page: Page) -> None:
    """Fail unless everybody can read the page as it is now."""
    check_accessibility(page)
    assert fits_the_width(page)
