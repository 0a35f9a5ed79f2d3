// What the page says by the way: seen for a while, and read out by screen readers.

import { button, fill, h } from "./dom.js";
import { words } from "./strings.js";

const SHOWN = 7000;

const place = h("div", { class: "notices", role: "status", "aria-live": "polite" });
const quiet = h("div", { class: "unseen", role: "status", "aria-live": "polite" });

// The places, for the page to hold.
export const places = [place, quiet];

// Shows a notice for a while.
export function notify(text) {
  const close = button("×", () => notice.remove(), { class: "close", "aria-label": words.close });
  const notice = h("div", { class: "notice" }, h("span", {}, text), close);
  place.append(notice);
  setTimeout(() => notice.remove(), SHOWN);
}

// Has a text read out, without showing it.
export function readOut(text) {
  quiet.textContent = text;
}

// A box that says what went wrong, with a way on; read out at once.
export function trouble(lines, ...ways) {
  const [first, ...others] = Array.isArray(lines) ? lines : [lines];
  return h(
    "div",
    { class: "trouble", role: "alert" },
    h("p", { class: "what" }, first),
    others.map((line) => h("p", {}, line)),
    ways.length > 0 ? h("div", { class: "row" }, ways) : null,
  );
}

// Work under way, for a place that is empty until it ends.
export function waiting(text = words.loading) {
  return h("p", { class: "waiting", role: "status" }, text);
}

// Shows what `work` gives in a place, and what went wrong with a way to repeat it.
export async function shown(place, work, explain) {
  fill(place, waiting());
  try {
    fill(place, await work());
  } catch (failure) {
    if (failure.name === "AbortError") return;
    fill(place, trouble(explain(failure), button(words.again, () => shown(place, work, explain))));
  }
}
