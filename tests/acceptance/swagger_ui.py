"""Swagger UI as a person uses it: with clicks, in a real browser."""

import json

from tests.support.browser import Page

# React notices a value only through the element's own setter, and this page when the focus leaves.
_STEPS = """
const found = async (selector) => {
  for (;;) {
    const element = document.querySelector(selector);
    if (element) return element;
    await new Promise((done) => setTimeout(done, 10));
  }
};
const click = async (selector) => (await found(selector)).click();
const fill = async (selector, value) => {
  const field = await found(selector);
  const { set } = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value");
  set.call(field, value);
  field.dispatchEvent(new Event("input", { bubbles: true }));
  field.dispatchEvent(new Event("focusout", { bubbles: true }));
};
"""


def try_it_out(page: Page, operation: str, game: str) -> str:
    """Send an operation on a game from the page, and return what it then shows."""
    block = f"#operations-Runtimes-{operation}"
    _do(
        page,
        f"""
        await click("{block} .opblock-summary-control");
        await click("{block} .try-out__btn");
        await fill("{block} input[placeholder=game_id]:enabled", {json.dumps(game)});
        await click("{block} .execute");
        await found("{block} .live-responses-table .response");
        """,
    )
    return str(page.run(f"document.querySelector('{block} .live-responses-table').innerText"))


def authorize(page: Page, token: str) -> None:
    """Give the page a token."""
    _do(
        page,
        f"""
        await click(".auth-wrapper .authorize");
        await fill(".auth-container input", {json.dumps(token)});
        await click(".auth-btn-wrapper button[type=submit]");
        await click(".auth-btn-wrapper .btn-done");
        """,
    )


def _do(page: Page, steps: str) -> None:
    page.run(f"(async () => {{ {_STEPS} {steps} }})()")
