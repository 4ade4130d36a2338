"""What the tests' browser notices of a page, so that a page without complaints has none."""

import pytest
from playwright.sync_api import Browser, Page, Route

from tests.support.playwright_browser import (
    PHONE,
    check_accessibility,
    chromium,
    fits_the_width,
    new_page,
)

__all__ = ["chromium"]

SITE = "http://page.example"


def show(page: Page, body: str, policy: str = "default-src 'self' 'unsafe-inline'") -> None:
    """Show a page with this body under a security policy; everything else is not found."""
    whole = f"<!doctype html><html lang=en><title>A page</title><main><h1>A</h1>{body}</main>"

    def answer(route: Route) -> None:
        if route.request.url == f"{SITE}/":
            headers = {"content-security-policy": policy, "content-type": "text/html"}
            route.fulfill(body=whole, headers=headers)
        elif "refused" in route.request.url:
            route.abort("connectionrefused")
        else:
            route.fulfill(status=404)

    page.route("**", answer)
    page.goto(f"{SITE}/")


@pytest.mark.parametrize(
    ("body", "policy", "complaint"),
    [
        ("<script>console.error('broken')</script>", "script-src 'unsafe-inline'", "broken"),
        ("<script>throw new Error('thrown')</script>", "script-src 'unsafe-inline'", "thrown"),
        ("<script>1</script>", "script-src 'self'", "Content Security Policy"),
        ("<img alt=a src=/missing.png>", "img-src *", "404"),
        ("<img alt=a src=/refused.png>", "img-src *", "net::ERR_CONNECTION_REFUSED"),
    ],
    ids=["console", "exception", "policy", "not found", "not connected"],
)
def test_page_that_complains_fails_its_test(
    chromium: Browser, body: str, policy: str, complaint: str
) -> None:
    """Every kind of complaint is found, unless it is expected."""
    with pytest.raises(AssertionError, match=complaint), new_page(chromium) as page:
        show(page, body, policy)
    with new_page(chromium, expected=[complaint]) as page:
        show(page, body, policy)


def test_expected_complaint_has_to_occur(chromium: Browser) -> None:
    """A test that expects what does not happen any more fails."""
    with pytest.raises(AssertionError, match="404"), new_page(chromium, expected=["404"]) as page:
        show(page, "")


def test_violation_of_accessibility_is_named(chromium: Browser) -> None:
    """The message has the rule and the element, unless both are known."""
    with new_page(chromium, size=PHONE, scheme="dark") as page:
        show(page, "<input id=nameless>")
        assert page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")

        with pytest.raises(AssertionError, match=r"label \(critical\).*\n +#nameless"):
            check_accessibility(page)
        check_accessibility(page, known=[("label", "#nameless")])


@pytest.mark.parametrize(("width", "fits"), [(300, True), (500, False)])
def test_wider_than_a_phone(chromium: Browser, width: int, fits: bool) -> None:  # noqa: FBT001
    """A page that has to be scrolled sideways is noticed."""
    with new_page(chromium, size=PHONE) as page:
        show(page, f"<div style='width: {width}px'>wide</div>")

        assert fits_the_width(page) is fits
