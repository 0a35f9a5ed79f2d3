// Pairs of people who look like one, side by side.

import { ask } from "./api.js";
import { field, fill, h, button, select } from "./dom.js";
import { explain } from "./messages.js";
import { shown } from "./notices.js";
import { erased } from "./person.js";
import { small } from "./pictures.js";
import { score, words } from "./strings.js";

const PAIRS = 50;
const SCORES = ["0.85", "0.90", "0.95", "0.98"];

export function view(signal) {
  const list = h("div", {});
  const options = [["", words.duplicates.automatic], ...SCORES.map((value) => [value, words.duplicates.above(value)])];
  const strictness = select(options, "");
  const load = () =>
    shown(list, async () => {
      const query = new URLSearchParams({ limit: PAIRS, ...(strictness.value ? { min_score: strictness.value } : {}) });
      return found(await ask("GET", `/duplicates?${query}`, { signal }), signal, load);
    }, explain);
  strictness.addEventListener("change", load);
  load();
  return [
    h("h1", { tabindex: "-1" }, words.duplicates.title),
    h("p", { class: "lead" }, words.duplicates.text),
    h("div", { class: "filters" }, field(words.duplicates.strictness, strictness)),
    list,
  ];
}

function found(answer, signal, load) {
  const { pairs, is_cut: isCut, people_searched: people, people_without_encoding: without } = answer;
  return [
    h("p", { class: "hint", role: "status" }, words.duplicates.compared(people), isCut ? ` ${words.duplicates.cut}` : ""),
    without > 0 ? h("p", { class: "hint" }, words.duplicates.without(without)) : null,
    pairs.length === 0
      ? h("div", { class: "nothing" }, h("p", {}, words.duplicates.none))
      : h("ol", { class: "pairs" }, pairs.map((pair, at) => shownPair(pair, at, signal, load))),
  ];
}

function shownPair(pair, at, signal, load) {
  const wrong = h("div", {});
  const side = (person) => {
    const remove = async () => {
      if (await erased(`/persons/${encodeURIComponent(person.id)}`, person.name, signal, wrong)) load();
    };
    return h(
      "div",
      { class: "side" },
      small(person.thumbnails, person.name),
      h("a", { class: "name", href: `#/people/${encodeURIComponent(person.id)}` }, person.name),
      h("code", { class: "hint" }, person.id),
      button(words.remove, remove, { class: "quiet", "aria-label": words.duplicates.remove(person.name) }),
    );
  };
  const title = h("h2", {}, words.duplicates.pair(at + 1, score(pair.score)));
  return h("li", { class: "panel" }, title, h("div", { class: "sides" }, pair.people.map(side)), wrong);
}
