// What scores mean, as docs/http.md says: 0.85 stands for a false match rate of 1e-3, 0.95 for 1e-6.

import { field, h } from "./dom.js";
import { score, words } from "./strings.js";

const [LEAST, MOST, STEP] = [0.5, 0.99, 0.01];

// The false match rate that a score stands for.
export function rate(value) {
  return value <= 0.85 ? 10 ** ((-3 * value) / 0.85) : 10 ** (-3 - ((value - 0.85) * 3) / 0.1);
}

// The score at which about one stranger in a hundred is taken for somebody, among so many people.
export function least(people) {
  const wanted = -Math.log10(0.01 / Math.max(people, 1));
  const found = wanted <= 3 ? (0.85 * wanted) / 3 : 0.85 + (0.1 * (wanted - 3)) / 3;
  return Math.min(Math.max(Math.ceil(found / STEP) * STEP, 0.85), 0.95);
}

// A slider for the lowest score, with what it means among so many people. No rate is stated that was not measured.
export function strictness(scores, people, start, say = words.identify.rate) {
  const slider = h("input", { type: "range", min: LEAST, max: MOST, step: STEP });
  slider.value = start;
  const shown = h("output", {}, "");
  const measured = scores.available ? scores.knots.at(-2) : null;
  const meaning = h("p", { class: "hint", "aria-live": "polite" });
  const tell = () => {
    const value = Number(slider.value);
    shown.textContent = score(value);
    const isKnown = measured && people > 0;
    const share = 1 - (1 - rate(Math.min(value, measured?.score || 0))) ** people;
    meaning.textContent = isKnown ? say(percent(share), people) : words.identify.rateUnknown;
  };
  slider.addEventListener("input", tell);
  tell();
  const element = h("div", { class: "strictness" }, field(words.identify.least, slider), shown, meaning);
  return { element, value: () => Number(slider.value) };
}

// A share in per cent, with two digits.
function percent(share) {
  return `${Number((share * 100).toPrecision(2))} %`;
}

// How often a second it is called, over its last calls.
export function atOnce() {
  const calls = [];
  return () => {
    calls.push(performance.now());
    if (calls.length > 10) calls.shift();
    return calls.length < 2 ? 0 : ((calls.length - 1) * 1000) / (calls.at(-1) - calls[0]);
  };
}
