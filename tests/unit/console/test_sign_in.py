import httpx
import pytest

from tests.unit.console.fake_service import FakeService, overview


@pytest.fixture(autouse=True)
def _closed(service: FakeService) -> None:
    service.token = "rtm_secret"
    service.games = [overview("g1")]


async def test_page_without_a_token_asks_for_one(browser: httpx.AsyncClient) -> None:
    """No page shows anything, and the form leads back to where the visitor was."""
    answer = await browser.get("/console/?q=g1")

    assert answer.status_code == 401
    assert 'name="next" value="/console/?q=g1"' in answer.text
    assert "game-g1" not in answer.text


async def test_token_is_kept_where_only_this_service_can_use_it(
    browser: httpx.AsyncClient,
) -> None:
    """The cookie is hidden from scripts and from pages of other sites."""
    answer = await sign_in(browser, "rtm_secret", next="/console/?q=g1")

    assert answer.headers["location"] == "/console/?q=g1"
    assert answer.headers["set-cookie"] == "rtm_token=rtm_secret; HttpOnly; Path=/; SameSite=Strict"
    assert (await browser.get("/console/")).status_code == 200


@pytest.mark.parametrize(
    ("url", "origin"), [("https://rtm", None), ("http://rtm", "https://rtm.example")]
)
async def test_cookie_never_travels_in_plain_text_after_tls(
    browser: httpx.AsyncClient, url: str, origin: str | None
) -> None:
    """Behind a proxy, the browser's own address says that it came by TLS."""
    headers = {"origin": origin} if origin else {}
    answer = await browser.post(
        f"{url}/console/sign-in", data={"token": "rtm_secret"}, headers=headers
    )

    assert answer.headers["set-cookie"].endswith("; Secure")


@pytest.mark.parametrize(
    ("token", "said"),
    [("rtm_other", "is not known here"), ("not a token", "is not a token"), ("", "is not a token")],
)
async def test_wrong_token_says_so(browser: httpx.AsyncClient, token: str, said: str) -> None:
    """Nothing is kept, and the token is not repeated."""
    answer = await sign_in(browser, token)

    assert answer.status_code == 401
    assert said in answer.text
    assert "set-cookie" not in answer.headers
    assert "rtm_other" not in answer.text


@pytest.mark.parametrize(
    "after", ["//evil.example/", "https://evil.example", "/console/\\evil", ""]
)
async def test_signing_in_leads_to_no_other_site(browser: httpx.AsyncClient, after: str) -> None:
    """Only a page of the console can follow."""
    answer = await sign_in(browser, "rtm_secret", next=after)

    assert answer.headers["location"] == "/console/"


async def test_signing_out_forgets_the_token(browser: httpx.AsyncClient) -> None:
    """The next page asks again."""
    await sign_in(browser, "rtm_secret")
    answer = await browser.post("/console/sign-out")

    assert answer.headers["location"] == "/console/sign-in"
    assert (await browser.get("/console/")).status_code == 401


async def test_one_visitors_answer_is_not_shared_with_a_stranger(
    browser: httpx.AsyncClient,
) -> None:
    """Who has no token gets nothing under the event that somebody else has asked about."""
    event = {"last-event-id": "7"}
    await sign_in(browser, "rtm_secret")

    assert (await browser.get("/console/rows?game=g1", headers=event)).status_code == 200

    browser.cookies.clear()

    assert (await browser.get("/console/rows?game=g1", headers=event)).status_code == 401


async def sign_in(browser: httpx.AsyncClient, token: str, **more: str) -> httpx.Response:
    """Send the form."""
    return await browser.post("/console/sign-in", data={"token": token, **more})
