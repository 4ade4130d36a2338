// The list: filters without a request, and rows that change in place.

import { Live, debounced } from "./live.js";
import { morph } from "./morph.js";
import { refreshing } from "./page.js";

const MANY = 40;

export function showList(actions) {
  const rows = document.getElementById("games");
  const filters = document.getElementById("filters");
  const refresh = refreshing(document.getElementById("live"));
  if (!rows) {
    // The first game makes it another page; a dialog that is open shows it first.
    new Live({
      onEvent: (event) => {
        actions.heard(event);
        if (event.operation?.outcome === "success" && !actions.running) location.reload();
      },
      onGap: (id) => refresh(id),
    });
    return;
  }
  const wanted = Object.fromEntries(new URLSearchParams(location.search));
  const apply = () => filter(rows, wanted);
  filters.addEventListener("submit", (event) => event.preventDefault());
  filters.q.addEventListener("input", () => {
    wanted.q = filters.q.value.trim();
    apply();
  });
  filters.addEventListener("click", (event) => {
    const choice = event.target.closest("a[data-filter]");
    if (!choice || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const { filter: name, value } = choice.dataset;
    wanted[name] = wanted[name] === value ? "" : value;
    apply();
  });
  document.getElementById("none").addEventListener("click", (event) => {
    if (event.target.nodeName !== "A" || event.target.closest("[data-exact]")) return;
    event.preventDefault();
    filters.q.value = "";
    Object.assign(wanted, { q: "", status: "", health: "" });
    apply();
    filters.q.focus();
  });
  addEventListener("keydown", (event) => {
    const isTyping = event.target.closest?.("input, select, textarea, dialog");
    if (event.key !== "/" || isTyping || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    filters.q.focus();
  });
  apply();
  follow(rows, actions, refresh, apply);
}

function filter(rows, wanted) {
  const text = (wanted.q ?? "").toLowerCase();
  let shown = 0;
  for (const row of rows.children) {
    const { status, health, text: its = "" } = row.dataset;
    const isShown = (!wanted.status || wanted.status === status)
      && (!wanted.health || wanted.health === health) && its.includes(text);
    if (row.hidden === isShown) row.hidden = !isShown;
    shown += isShown;
  }
  const none = document.getElementById("none");
  none.hidden = shown > 0;
  const exact = none.querySelector("[data-exact]");
  exact.hidden = !wanted.q;
  exact.querySelector("a").textContent = wanted.q ?? "";
  exact.querySelector("a").href = `/console/games/${encodeURIComponent(wanted.q ?? "")}`;
  for (const each of document.querySelectorAll("a[data-filter]")) {
    const isCurrent = (wanted[each.dataset.filter] ?? "") === each.dataset.value;
    if (isCurrent) each.setAttribute("aria-current", "true");
    else each.removeAttribute("aria-current");
  }
  keepAddress(wanted);
}

function keepAddress(wanted) {
  const query = new URLSearchParams(Object.entries(wanted).filter(([, value]) => value));
  const address = `${location.pathname}${query.size ? `?${query}` : ""}`;
  if (address !== location.pathname + location.search) history.replaceState(null, "", address);
  for (const each of document.querySelectorAll("a[data-sort]")) {
    const link = new URL(each.href);
    for (const name of ["q", "status", "health"]) {
      if (wanted[name]) link.searchParams.set(name, wanted[name]);
      else link.searchParams.delete(name);
    }
    each.href = link.pathname + link.search;
  }
}

function follow(rows, actions, refresh, apply) {
  const changed = new Set();
  let asOf = "";
  const update = debounced(async () => {
    const games = [...changed];
    changed.clear();
    if (games.length > MANY) {
      refresh(asOf);
      return;
    }
    const query = new URLSearchParams(games.map((each) => ["game", each]));
    const headers = { "last-event-id": asOf };
    const answer = await fetch(`/console/rows?${query}`, { headers, cache: "no-store" });
    if (!answer.ok) return;
    place(rows, await answer.text());
    count(rows);
    apply();
  });
  new Live({
    onEvent: (event, id) => {
      actions.heard(event);
      changed.add(event.game_id);
      asOf = id;
      update();
    },
    onGap: (id) => refresh(id),
  });
}

function place(rows, html) {
  const template = document.createElement("template");
  template.innerHTML = `<table><tbody>${html}</tbody></table>`;
  for (const fresh of [...template.content.querySelectorAll("tr[id]")]) {
    const old = document.getElementById(fresh.id);
    fresh.classList.add("fresh");
    if (old) old.replaceWith(fresh);
    else rows.prepend(fresh);
  }
}

// As the server counts them, so that a changed row is all that has to be fetched.
function count(rows) {
  const counts = {};
  const add = (name) => { counts[name] = (counts[name] ?? 0) + 1; };
  for (const { dataset } of rows.children) {
    add("all");
    add(dataset.status);
    if (dataset.status === "running") add(dataset.health);
    if ("busy" in dataset) add("busy");
  }
  for (const each of document.querySelectorAll("b[data-count]")) {
    const found = counts[each.dataset.count] ?? 0;
    each.textContent = found;
    each.closest("a[data-filter]")?.classList.toggle("zero", !found);
  }
  document.getElementById("busy").hidden = !counts.busy;
}
