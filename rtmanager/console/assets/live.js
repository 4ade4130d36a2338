// One stream of events per visible page. A hidden page closes it, and continues where it was when
// it is shown again: nothing is lost, and hidden pages cost nothing.

const ADDRESS = "/api/v1/operator/events";
const LONGEST_PAUSE = 15000;

export class Live {
  // `onEvent` receives what has happened, with its id; `onGap` is called whenever it is not known
  // what has, with the id from which on it is; `onBack` when the service answers again.
  constructor({ game = "", onEvent, onGap, onBack = () => {} }) {
    Object.assign(this, { game, onEvent, onGap, onBack });
    this.last = "";
    this.pause = 500;
    this.note = document.getElementById("live");
    document.addEventListener("visibilitychange", () => this.adapt());
    addEventListener("pagehide", () => this.close());
    addEventListener("pageshow", () => this.adapt());
    this.adapt();
  }

  adapt() {
    if (document.hidden) this.close();
    else if (!this.stream) this.connect();
  }

  connect() {
    clearTimeout(this.again);
    const query = new URLSearchParams();
    if (this.game) query.set("game_id", this.game);
    if (this.last) query.set("after", this.last);
    this.stream = new EventSource(`${ADDRESS}?${query}`);
    this.stream.onopen = () => this.show(true);
    this.stream.onerror = () => this.lost();
    for (const type of ["operation", "health", "drift"]) {
      this.stream.addEventListener(type, (event) => this.received(event));
    }
    for (const type of ["ready", "reset"]) {
      this.stream.addEventListener(type, (event) => {
        this.last = event.lastEventId || this.last;
        this.onGap(event.lastEventId);
      });
    }
  }

  received(event) {
    this.last = event.lastEventId || this.last;
    this.onEvent(JSON.parse(event.data), event.lastEventId);
  }

  // A browser tries again by itself only if the connection broke, not after an error answer.
  lost() {
    this.show(false);
    this.close();
    this.again = setTimeout(() => this.adapt(), this.pause);
    this.pause = Math.min(this.pause * 2, LONGEST_PAUSE);
  }

  close() {
    clearTimeout(this.again);
    this.stream?.close();
    this.stream = null;
  }

  show(isOpen) {
    if (isOpen) this.pause = 500;
    if (isOpen && this.note.classList.contains("lost")) this.onBack();
    this.note.hidden = false;
    this.note.classList.toggle("lost", !isOpen);
    this.note.textContent = isOpen ? "Live" : "Connection lost, trying again";
  }
}

// Calls `work` soon after it was asked for, not more often than every `rest` milliseconds, and
// never twice at once: the first event shows at once, and many pages amid many events cost little.
export function debounced(work, pause = 100, rest = 700) {
  let timer = null, runs = false, again = false, begun = -Infinity;
  const run = async () => {
    timer = null;
    runs = true;
    begun = performance.now();
    try {
      await work();
    } finally {
      runs = false;
      if (again) {
        again = false;
        ask();
      }
    }
  };
  const ask = () => {
    if (runs) again = true;
    else timer ??= setTimeout(run, Math.max(pause, begun + rest - performance.now()));
  };
  return ask;
}
