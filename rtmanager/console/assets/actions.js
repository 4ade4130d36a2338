// The actions: a dialog asks, the public API acts, and the steps are shown until it is done.

import { debounced } from "./live.js";

const DOING = {
  start: "Starting", stop: "Stopping", restart: "Restarting", patch: "Patching",
  cleanup: "Removing the container of",
};

export class Actions {
  constructor() {
    this.running = null;
    document.addEventListener("click", (event) => this.clicked(event));
    for (const form of document.querySelectorAll("form[data-action]")) {
      form.addEventListener("submit", (event) => {
        event.preventDefault();
        this.act(form);
      });
    }
    for (const dialog of document.querySelectorAll("dialog")) {
      dialog.addEventListener("close", () => this.closed(dialog));
    }
  }

  clicked(event) {
    const opener = event.target.closest("[data-dialog]");
    if (opener && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      this.opener = opener.id;
      document.getElementById(opener.dataset.dialog).showModal();
      return;
    }
    event.target.closest("[data-close]")?.closest("dialog").close();
  }

  // The page goes on while an operation runs; its time line shows it too.
  closed(dialog) {
    const form = dialog.querySelector("form");
    form.hidden = false;
    dialog.querySelector("[data-progress]").hidden = true;
    const isFirstGame = this.running && document.querySelector(".empty");
    if (this.running?.dialog === dialog) this.running = null;
    if (isFirstGame) location.reload();
    // Its button is gone if the action has succeeded.
    const place = document.getElementById(this.opener) ?? document.getElementById("main");
    place.focus({ preventScroll: true });
  }

  heard(event) {
    if (this.running && event.operation?.source_ref === this.running.id) this.running.show();
  }

  async act(form) {
    const dialog = form.closest("dialog");
    const fields = Object.fromEntries(new FormData(form));
    const { action } = form.dataset;
    const game = form.dataset.game || fields.game_id;
    delete fields.game_id;
    const progress = new Progress(dialog, action, game);
    this.running = progress;
    try {
      const answer = await send(action, game, fields, progress.id);
      await progress.finish(answer);
    } catch {
      progress.lost();
    }
  }
}

class Progress {
  constructor(dialog, action, game) {
    Object.assign(this, { dialog, action, game, id: newId() });
    const panel = dialog.querySelector("[data-progress]");
    this.steps = panel.querySelector("[data-steps]");
    this.outcome = panel.querySelector("[data-outcome]");
    this.open = panel.querySelector("[data-open]");
    this.steps.replaceChildren();
    this.outcome.className = "outcome-of";
    this.outcome.replaceChildren(paragraph("Asking for it …", "waiting"));
    const title = panel.querySelector("[data-doing]");
    title.textContent = `${DOING[action]} ${game}`;
    dialog.querySelector("form").hidden = true;
    panel.hidden = false;
    title.focus();
    this.show = debounced(() => this.fetchSteps(), 150, 150);
  }

  async fetchSteps() {
    const path = `/console/games/${encodeURIComponent(this.game)}/progress`;
    const answer = await fetch(`${path}?request=${this.id}`, { cache: "no-store" });
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (fresh.body.children.length) this.steps.replaceChildren(...fresh.body.childNodes);
    const waiting = this.outcome.querySelector(".waiting");
    if (waiting && fresh.body) waiting.textContent = "Running …";
  }

  async finish(answer) {
    const body = await answer.json().catch(() => ({}));
    await this.fetchSteps();
    if (answer.ok) {
      const said = this.steps.querySelector("[data-said]");
      this.outcome.className = `outcome-of ${said?.dataset.said ?? "good"}`;
      const text = said?.textContent.trim() || `Done: the game is ${body.status}.`;
      this.outcome.replaceChildren(paragraph(text));
    } else {
      this.fail(body.error?.code ?? `status ${answer.status}`, body.error?.message ?? "");
    }
    this.dialog.scrollTo(0, this.dialog.scrollHeight);
    const isElsewhere = document.body.dataset.page === "games";
    this.open.hidden = !isElsewhere;
    this.open.href = `/console/games/${encodeURIComponent(this.game)}`;
  }

  // It may have arrived or not; the page behind the dialog catches up as soon as it can.
  lost() {
    this.outcome.className = "outcome-of warn";
    this.outcome.replaceChildren(
      paragraph("The service does not answer, so it is not known whether it has begun. If it has, it goes on, and the game's page shows it."),
      paragraph(`Request id ${this.id}`, "mono"),
    );
  }

  fail(code, message) {
    this.outcome.className = "outcome-of bad";
    this.outcome.replaceChildren(
      paragraph(`It failed${code ? ` (${code})` : ""}: ${message}`),
      paragraph(`Request id ${this.id}`, "mono"),
    );
  }
}

function send(action, game, fields, id) {
  const path = `/api/v1/internal/runtimes/${encodeURIComponent(game)}`;
  const headers = { "x-galaxy-caller": "admin", "x-request-id": id };
  if (action === "cleanup") return fetch(`${path}/container`, { method: "DELETE", headers });
  const body = Object.keys(fields).length ? JSON.stringify(fields) : undefined;
  if (body) headers["content-type"] = "application/json";
  return fetch(`${path}/${action}`, { method: "POST", headers, body });
}

function paragraph(text, name = "") {
  const found = document.createElement("p");
  found.textContent = text;
  found.className = name;
  return found;
}

// Not `randomUUID`: that is missing at addresses without TLS.
function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(8));
  return `console-${[...bytes].map((each) => each.toString(16).padStart(2, "0")).join("")}`;
}
