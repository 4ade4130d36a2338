// What the page that was opened needs.

import { Actions } from "./actions.js";
import { showGame } from "./game.js";
import { showList } from "./list.js";
import { Live } from "./live.js";
import { refreshing } from "./page.js";
import { keepAges } from "./times.js";

const EVERY = 15000;

function showService() {
  const refresh = refreshing(document.getElementById("live"));
  new Live({ onEvent: (_, id) => refresh(id), onGap: (id) => refresh(id) });
  setInterval(() => document.hidden || refresh(), EVERY);
}

keepAges();
const actions = new Actions();
const pages = { games: () => showList(actions), game: () => showGame(actions), service: showService };
pages[document.body.dataset.page]?.();
