// The engine's output: the last lines, and new ones as they are written.

const SHOWN = 5000;
const NO_CONTAINER =
  "There is no container, and so no log. The last lines of an engine that ended are beside its exit code.";

export function followLog(game) {
  const section = document.getElementById("log");
  const find = (name) => section.querySelector(`[data-log-${name}]`);
  const lines = find("lines"), tail = find("tail"), follow = find("follow");
  const message = find("note") ?? section.appendChild(document.createElement("p"));
  message.className = "muted";
  find("tools").hidden = false;
  let reading = null, isLost = false;

  const say = (text) => {
    message.textContent = text;
    message.hidden = !text;
  };
  const read = async () => {
    reading?.abort();
    if (!hasContainer()) {
      lines.hidden = true;
      say(NO_CONTAINER);
      return;
    }
    isLost = false;
    const mine = reading = new AbortController();
    const query = new URLSearchParams({ tail: tail.value, format: "ndjson" });
    if (follow.checked) query.set("follow", "true");
    say(lines.hidden ? "Reading …" : "");
    try {
      const address = `/api/v1/operator/runtimes/${encodeURIComponent(game)}/logs?${query}`;
      const answer = await fetch(address, { signal: mine.signal, cache: "no-store" });
      if (!answer.ok) {
        lines.hidden = true;
        say(await whyNot(answer));
        return;
      }
      lines.replaceChildren();
      await append(answer.body, lines);
      lines.hidden = !lines.children.length;
      say(lines.hidden ? "The engine has written nothing." : "");
      follow.checked = false;
    } catch (fault) {
      if (fault.name === "AbortError") return;
      isLost = true;
      say("The log cannot be read now. It is read again when the service answers.");
    }
  };
  find("load").addEventListener("click", read);
  tail.addEventListener("change", read);
  follow.addEventListener("change", read);
  document.addEventListener("visibilitychange", () => {
    if (document.hidden && follow.checked) reading?.abort();
    else if (follow.checked) read();
  });
  addEventListener("pagehide", () => reading?.abort());
  if (!document.hidden) read();
  return { changed: read, back: () => isLost && read() };
}

function hasContainer() {
  return ["running", "stopped"].includes(document.getElementById("facts").dataset.status);
}

async function whyNot(answer) {
  try {
    const { error } = await answer.json();
    return error.code === "not_found" ? NO_CONTAINER : error.message;
  } catch {
    return `The service answered ${answer.status}.`;
  }
}

async function append(body, lines) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const whole = (rest + value).split("\n");
    rest = whole.pop();
    add(whole.filter(Boolean).map((each) => JSON.parse(each)), lines);
  }
}

function add(found, lines) {
  if (!found.length) return;
  lines.hidden = false;
  const isAtEnd = lines.scrollHeight - lines.scrollTop - lines.clientHeight < 24;
  lines.append(...found.map(rendered));
  while (lines.children.length > SHOWN) lines.firstChild.remove();
  if (isAtEnd) lines.scrollTop = lines.scrollHeight;
}

function rendered({ at, stream, text }) {
  const line = document.createElement("div");
  line.className = `line ${stream}`;
  if (at) {
    const time = document.createElement("time");
    time.dateTime = at;
    time.textContent = at.slice(11, 23);
    line.append(time);
  }
  const words = document.createElement("span");
  words.textContent = text;
  line.append(words);
  return line;
}
