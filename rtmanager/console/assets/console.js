// What the page that was opened needs.

import { Actions } from "./actions.js";
import { showGame } from "./game.js";
import { showList } from "./list.js";
import { debounced, Live } from "./live.js";
import { refreshing } from "./page.js";
import { keepAges } from "./times.js";

const EVERY = 15000;
// What the server shares among all who ask is as old as this.
const SHARED = 2500;

function showWhole() {
  const refresh = refreshing(document.getElementById("live"));
  let heard = "";
  const again = debounced(() => refresh(heard), SHARED, SHARED);
  const ask = (id) => {
    heard = id;
    refresh(id);
    again();
  };
  new Live({ onEvent: (_, id) => ask(id), onGap: ask });
  setInterval(() => document.hidden || refresh(), EVERY);
}

keepAges();
const actions = new Actions();
const pages = { games: () => showList(actions), game: () => showGame(actions), service: showWhole, nodes: showWhole, node: showWhole };
pages[document.body.dataset.page]?.();
