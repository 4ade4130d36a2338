"""A web page of another site that tries to drive the service through its visitor's browser."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

# Every way in which a page sends requests to another site. Each try ends, with success or not.
HOSTILE_PAGE = """<!doctype html><title>Harmless</title><iframe name="sink"></iframe><script>
const target = "TARGET", runtimes = `${target}/api/v1/internal/runtimes`;
const game = `${runtimes}/GAME`;
const loaded = (element, attribute, value) => new Promise((done) => {
  element.onload = () => done("loaded");
  element.onerror = () => done("failed");
  element[attribute] = value;
  document.body.append(element);
});
const sent = (url, options) => fetch(url, options).then((answer) => answer.text(), () => "failed");
const submitted = () => new Promise((done) => {
  const form = document.body.appendChild(document.createElement("form"));
  Object.assign(form, { method: "post", action: `${game}/restart`, target: "sink" });
  document.querySelector("iframe").onload = () => done("loaded");
  form.submit();
});
const text = { method: "POST", mode: "no-cors", body: JSON.stringify({ reason: "finished" }) };
const json = { ...text, mode: "cors", headers: { "content-type": "application/json" } };
const withoutReferrer = { ...text, referrerPolicy: "no-referrer" };
window.tried = async () => ({
  restart: await sent(`${game}/restart`, { method: "POST", mode: "no-cors" }),
  anonymous: await sent(`${game}/restart`, withoutReferrer),
  text: await sent(`${game}/stop`, text),
  json: await sent(`${game}/stop`, json),
  remove: await sent(`${game}/container`, { method: "DELETE" }),
  beacon: navigator.sendBeacon(`${game}/restart`),
  form: await submitted(),
  list: await sent(runtimes, {}),
  image: await loaded(new Image(), "src", runtimes),
  script: await loaded(document.createElement("script"), "src", `${target}/openapi.json`),
  frame: await loaded(document.createElement("iframe"), "src", `${target}/ui/`),
});
</script>"""


@contextmanager
def hostile_site(target: str, game: str) -> Iterator[int]:
    """Serve the hostile page on a port of its own."""

    class Site(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = HOSTILE_PAGE.replace("TARGET", target).replace("GAME", game)
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(page.encode())

        def log_message(self, *_: object) -> None:
            """Write nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()
