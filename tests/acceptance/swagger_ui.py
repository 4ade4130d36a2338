"""Swagger UI as a person uses it: with clicks, in a real browser."""

from playwright.sync_api import Locator, Page


def block_of(page: Page, operation: str) -> Locator:
    """Return the block of an operation, wherever the page has it."""
    return page.locator(f".opblock[id$='-{operation}']")


def try_it_out(page: Page, operation: str, game: str = "") -> str:
    """Send an operation, on a game if there is one, and return what the page then shows."""
    block = block_of(page, operation)
    block.locator(".opblock-summary-control").click()
    block.locator(".try-out__btn").click()
    if game:
        block.get_by_placeholder("game_id").fill(game)
    block.locator(".execute").click()
    return block.locator(".live-responses-table .response").first.inner_text()


def authorize(page: Page, token: str) -> None:
    """Give the page a token."""
    page.locator(".auth-wrapper .authorize").click()
    page.locator(".auth-container input").fill(token)
    page.locator(".auth-btn-wrapper button[type=submit]").click()
    page.locator(".auth-btn-wrapper .btn-done").click()
