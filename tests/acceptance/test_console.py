"""The console in a real browser, on the real service: every page and every action."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from rtmanager.handlers.api_tokens import line_of
from tests.support.calls import ok
from tests.support.environment import (
    Environment,
    NewEnvironment,
    image_of,
)
from tests.support.playwright_browser import (
    ANSWERS_WITHIN,
    DESKTOP,
    PHONE,
    check_accessibility,
    chromium,
    fits_the_width,
    new_page,
)

__all__ = ["chromium"]

SOON = 5_000
"""Milliseconds in which an event has to be on a page; usually it is a few hundred."""


@pytest.fixture(autouse=True)
def _patience() -> Iterator[None]:
    """Wait for everything else as long as a busy host needs."""
    expect.set_options(timeout=ANSWERS_WITHIN * 1000)
    yield
    expect.set_options(timeout=None)


def test_game_is_driven_from_its_first_start_to_its_cleanup(
    environment: Environment, chromium: Browser, game: str
) -> None:
    """Every action asks, shows its steps and its outcome; the page behind it follows."""
    with new_page(chromium, expected=["409"]) as page:
        page.goto(console(environment))
        page.get_by_role("link", name="Start a game").click()
        check(page)
        page.get_by_label("Game id").fill(game)
        act(page, "Start game", image=image_of("1.4.7"))
        expect(page.locator("dialog[open] .step")).to_have_count(5)
        page.get_by_role("link", name="Open the game").click()
        expect(page.locator("#summary")).to_contain_text("unning")
        check(page)
        choose(page, "Patch")
        act(page, "Patch", image=image_of("2.0.0"), fails=True)
        expect(outcome(page)).to_contain_text("semver_patch_only")
        expect(outcome(page)).to_contain_text("Request id console-")
        page.keyboard.press("Escape")
        choose(page, "Patch")
        act(page, "Patch", image=image_of("1.4.8"))
        close(page)
        expect(page.locator(".op.success h3").first).to_have_text("Patch")
        choose(page, "Restart")
        act(page, "Restart")
        close(page)
        choose(page, "Stop")
        expect(page.locator("dialog[open] h2").first).to_have_text(f"Stop {game}?")
        act(page, "Stop")
        close(page)
        expect(page.locator(".title .status")).to_have_text("stopped")
        check(page)
        choose(page, "Remove container")
        act(page, "Remove container")
        close(page)
        expect(page.locator(".title .status")).to_have_text("removed")

    kinds = [row["kind"] for row in environment.operations(game)]
    assert kinds == ["start", "patch", "patch", "restart", "stop", "cleanup_container"]
    assert {row["source"] for row in environment.operations(game)} == {"admin_rest"}


def test_phone_in_the_dark_shows_and_does_the_same(
    environment: Environment, chromium: Browser, game: str
) -> None:
    """At 390 px nothing is cut off, and an action needs no mouse."""
    ok(environment.start(game))
    with new_page(chromium, size=PHONE, scheme="dark", expected=["404"]) as page:
        page.goto(console(environment))
        expect(page.get_by_role("link", name=game)).to_be_visible()
        check(page)
        page.goto(f"{console(environment)}service")
        expect(page.locator("#readiness")).to_contain_text("Ready")
        check(page)
        page.goto(f"{console(environment)}nodes")
        expect(page.locator("#main")).to_contain_text("a single Docker host")
        check(page)
        page.goto(f"{console(environment)}games/{game}")
        check(page)
        choose(page, "Stop")
        page.get_by_label("Reason").select_option("finished")
        check(page)
        act(page, "Stop")
        close(page)
        page.get_by_role("link", name="All operations").click()
        expect(page.locator(".op")).to_have_count(2)
        check(page)
        page.goto(f"{console(environment)}games/{game}-unknown")
        expect(page.locator("h1")).to_contain_text("There is no game")
        check(page)

    assert environment.operations(game)[-1]["reason"] == "finished"


def test_page_follows_what_others_do(
    environment: Environment, chromium: Browser, game: str
) -> None:
    """Rows and counts change in place, and a filter needs no request."""
    ok(environment.start(game))
    with new_page(chromium, size=DESKTOP, scheme="dark") as page:
        page.goto(console(environment))
        row = page.locator(f"#game-{css(game)}")
        expect(page.locator("#live")).to_have_text("Live")
        expect(row.locator(".c-status")).to_have_text("running")
        ok(environment.stop(game))
        expect(row.locator(".c-status")).to_have_text("stopped", timeout=SOON)
        expect(row.locator(".c-op")).to_contain_text("Stop", timeout=SOON)
        page.get_by_role("link", name=re.compile("^stopped")).click()
        expect(row).to_be_visible()
        assert page.url.endswith("?status=stopped")
        page.get_by_role("link", name=re.compile("^running")).click()
        expect(row).to_be_hidden()
        check(page)


def test_keyboard_alone_is_enough(environment: Environment, chromium: Browser, game: str) -> None:
    """A slash searches, the tabulator reaches everything, Escape closes, and the focus is back."""
    ok(environment.start(game))
    with new_page(chromium) as page:
        page.goto(console(environment))
        page.keyboard.press("Tab")
        expect(page.locator(":focus")).to_have_text("Skip to content")
        page.keyboard.press("/")
        page.keyboard.type(game)
        expect(page.locator("#games tr:visible")).to_have_count(1)
        tab_to(page, f"#game-{css(game)} a")
        page.keyboard.press("Enter")
        page.wait_for_url(f"**/games/{game}")
        tab_to(page, "#do-stop")
        page.keyboard.press("Enter")
        page.keyboard.press("Escape")
        expect(page.locator("#do-stop")).to_be_focused()
        page.keyboard.press("Enter")
        tab_to(page, "dialog[open] button.danger")
        page.keyboard.press("Enter")
        expect(outcome(page)).to_contain_text("Done")
        expect(page.locator(".title .status")).to_have_text("stopped")
        page.keyboard.press("Escape")
        expect(page.locator("#main")).to_be_focused()  # the button is gone


def test_forms_do_it_without_scripts(
    environment: Environment, chromium: Browser, game: str
) -> None:
    """Under a name that the browser does not trust, plain forms act and show the outcome."""
    address = f"http://rtmanager:{environment.service.port}/console/"
    with new_page(chromium, java_script_enabled=False) as page:
        page.goto(address)
        page.get_by_role("link", name="Start a game").click()
        page.get_by_label("Game id").fill(game)
        page.get_by_label("Image").fill(image_of("1.4.7"))
        page.get_by_role("button", name="Start game").click()
        expect(page.locator("#asked")).to_contain_text("Start: done.")
        page.get_by_role("link", name="Show the last 200 lines").click()
        expect(page.locator(".line").first).to_contain_text("engine 1.4.7 is ready")
        page.get_by_role("link", name="Stop").click()
        page.get_by_role("button", name="Stop").click()
        expect(page.locator("#asked")).to_contain_text("Stop: done.")
        page.close()  # without scripts it cannot say that it has nothing more to complain about

    assert [row["kind"] for row in environment.operations(game)] == ["start", "stop"]


def test_lost_connection_is_said_and_made_up_for(
    environment: Environment, chromium: Browser, game: str
) -> None:
    """While the service is away a note says so; afterwards the page is true again."""
    ok(environment.start(game))
    with new_page(chromium, expected=["ERR_CONNECTION_REFUSED"]) as page:
        page.goto(f"{console(environment)}games/{game}")
        expect(page.locator("#live")).to_have_text("Live")
        environment.service.stop()
        expect(page.locator("#live")).to_contain_text("Connection lost")
        choose(page, "Restart")
        page.locator("dialog[open] form button.primary").click()
        expect(outcome(page)).to_contain_text("it is not known whether it has begun")
        close(page)
        page.get_by_role("button", name="Reload").click()
        expect(page.locator("#log")).to_contain_text("cannot be read now")
        environment.service.start()
        expect(page.locator("#live")).to_have_text("Live")
        expect(page.locator("#log")).not_to_contain_text("cannot be read now")
        ok(environment.stop(game))
        expect(page.locator(".title .status")).to_have_text("stopped")


def test_token_opens_the_console(
    new_environment: NewEnvironment, chromium: Browser, tmp_path: Path
) -> None:
    """A wrong token is refused, a known one is kept until its holder signs out."""
    tokens = tmp_path / "tokens"
    tokens.write_text(f"{line_of('bob', 'admin', 'rtm_bob')}\n")
    tokens.chmod(0o600)
    closed = new_environment(api_tokens_file=str(tokens))
    with new_page(chromium, expected=["401"]) as page:
        page.goto(console(closed))
        sign_in(page, "rtm_eve")
        expect(page.get_by_role("alert")).to_contain_text("not known")
        check(page)
        sign_in(page, "rtm_bob")
        expect(page.locator("h1")).to_have_text("Games")
        expect(page.locator("#live")).to_have_text("Live")
        assert page.evaluate("document.cookie") == ""
        page.get_by_role("button", name="Sign out").click()
        page.goto(console(closed))
        expect(page.locator("h1")).to_have_text("Sign in")

    assert "rtm_bob" not in closed.service.log


def console(environment: Environment) -> str:
    """Return the address of the console."""
    return f"{environment.service.url}/console/"


def check(page: Page) -> None:
    """Fail unless everybody can read the page as it is now."""
    check_accessibility(page)
    assert fits_the_width(page)


def choose(page: Page, action: str) -> None:
    """Press the button of an action."""
    page.get_by_role("group", name="Actions").get_by_role("link", name=action, exact=True).click()


def act(page: Page, button: str, *, image: str = "", fails: bool = False) -> None:
    """Fill in the dialog, confirm it, and wait for the outcome."""
    dialog = page.locator("dialog[open]")
    if image:
        dialog.get_by_label("Image").fill(image)
    dialog.get_by_role("button", name=button, exact=True).click()
    expect(outcome(page)).to_have_class(re.compile("bad" if fails else "good"))


def outcome(page: Page) -> Any:
    """Return where the dialog says how it ended."""
    return page.locator("dialog[open] [data-outcome]")


def close(page: Page) -> None:
    """Close the dialog."""
    page.locator("dialog[open]").get_by_role("button", name="Close").click()


def tab_to(page: Page, selector: str) -> None:
    """Move the focus as far as an element, one stop after another."""
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.locator(selector).evaluate("(element) => element === document.activeElement"):
            return
    pytest.fail(f"the tabulator does not reach {selector}")


def sign_in(page: Page, token: str) -> None:
    """Fill in the form and send it."""
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Sign in").click()


def css(game: str) -> str:
    """Return a game's id as a part of a selector."""
    return re.sub(r"([^\w-])", r"\\\1", game)
