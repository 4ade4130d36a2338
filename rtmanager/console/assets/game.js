// One game's story: rendered again when something happens to the game.

import { followLog } from "./log.js";
import { Live } from "./live.js";
import { refreshing } from "./page.js";
import { clock } from "./times.js";

const SHOWN = 50;

export function showGame(actions) {
  const { game } = document.body.dataset;
  let isOtherEngine = false;
  const refresh = refreshing(document.getElementById("live"), () => {
    if (isOtherEngine) log.changed();
    isOtherEngine = false;
  });
  const events = document.getElementById("events");
  events.hidden = false;
  const log = followLog(game);
  new Live({
    game,
    onEvent: (event, id) => {
      note(events, event);
      actions.heard(event);
      if (event.operation?.outcome === "success") isOtherEngine = true;
      refresh(id);
    },
    onGap: (id) => refresh(id),
    onBack: () => log.back(),
  });
}

function note(events, event) {
  const item = document.createElement("li");
  const at = document.createElement("time");
  at.dateTime = event.at;
  at.textContent = clock(event.at);
  item.append(at, sentence(event, JSON.parse(events.dataset.words)));
  const list = events.querySelector("[data-events]");
  list.prepend(item);
  while (list.children.length > SHOWN) list.lastChild.remove();
  events.querySelector("[data-no-events]").hidden = true;
}

function sentence({ operation, health, drift }, { kinds, steps, results }) {
  if (operation) {
    const kind = kinds[operation.kind] ?? operation.kind;
    if (operation.outcome === "failure") return `${kind} failed: ${operation.error_message ?? operation.error_code}`;
    if (operation.outcome === "success") return `${kind}: done`;
    if (!operation.step) return `${kind} has begun`;
    const { action, phase, result, note: more } = operation.step;
    const step = `${steps[action] ?? action}${phase === "back" ? " (rollback)" : ""}`;
    return `${kind}: ${step} – ${results[result] ?? result}${more ? `, ${more}` : ""}`;
  }
  if (health) return `Health: ${health.state}${health.error ? `, ${health.error}` : ""}`;
  if (drift) return `${drift.is_present ? "Drift" : "No drift any more"}: ${drift.finding.sentence}`;
  return "";
}
