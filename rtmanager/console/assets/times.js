// Keeps ages true while a page is open; formats.py writes them first.

const UNITS = [[172800, 86400, "d"], [3600, 3600, "h"], [60, 60, "min"]];

export function span(seconds) {
  for (const [from, size, unit] of UNITS) {
    if (seconds >= from) return `${Math.floor(seconds / size)} ${unit}`;
  }
  return `${Math.max(Math.floor(seconds), 0)} s`;
}

export function clock(at) {
  return new Date(at).toISOString().slice(11, 19);
}

export function keepAges() {
  setInterval(() => {
    if (document.hidden) return;
    for (const each of document.querySelectorAll("time[data-age]")) {
      const age = span((Date.now() - Date.parse(each.dateTime)) / 1000);
      const text = each.dataset.age === "ago" ? `${age} ago` : age;
      if (each.textContent !== text) each.textContent = text;
    }
  }, 1000);
}
