// Pages that show one thing: the server renders them again, and what differs is changed in place.

import { debounced } from "./live.js";
import { morph } from "./morph.js";

export function refreshing(note, onChange = () => {}) {
  const main = document.getElementById("main");
  let asOf = "";
  const ask = debounced(async () => {
    const headers = asOf ? { "last-event-id": asOf } : {};
    if (main.dataset.version) headers["if-none-match"] = main.dataset.version;
    let answer;
    try {
      answer = await fetch(location.pathname + location.search, { headers, cache: "no-store" });
    } catch {
      return; // the stream of events notices the same, and asks again when it is back
    }
    if (answer.status === 304) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    const wanted = fresh.getElementById("main");
    if (!answer.ok || !wanted) {
      note.textContent = `The page cannot be updated: ${fresh.querySelector("h1")?.textContent ?? answer.status}`;
      note.hidden = false;
      note.classList.add("lost");
      return;
    }
    morph(main, wanted);
    onChange();
  });
  // With the id of an event, pages that hear of the same share what the server finds out.
  return (id = "") => {
    asOf = id;
    ask();
  };
}
