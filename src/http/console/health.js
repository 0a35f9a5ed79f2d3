// How the vault and the server are.

import { ask } from "./api.js";
import { button, fill, h, working } from "./dom.js";
import { explain } from "./messages.js";
import { shown, trouble, waiting } from "./notices.js";
import { bytes, number, words } from "./strings.js";

export function view(signal) {
  const place = h("div", {});
  shown(place, async () => {
    const [vault, models] = await Promise.all([
      ask("GET", "/vault", { signal }),
      ask("GET", "/models", { signal }),
    ]);
    return h("div", { class: "columns" }, h("div", {}, ofVault(vault), check(vault, signal)), ofModels(models));
  }, explain);
  return [h("h1", { tabindex: "-1" }, words.health.title), place];
}

function list(rows) {
  const shownRows = rows.filter(([, value]) => value !== null && value !== undefined);
  return h("dl", {}, shownRows.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
}

function ofVault({ people, collections, file, people_without_encoding: without, ...vault }) {
  const model = file && (file.model ? file.model.name : words.health.noModel);
  const rows = [
    [words.health.people, words.health.byStatus(people)],
    [words.health.collections, number(collections)],
    [words.health.access, vault.read_only ? words.health.readOnly : words.health.readWrite],
    [words.health.size, file && bytes(file.bytes)],
    [words.health.generation, file && number(file.generation)],
    [words.health.model, model],
    [words.health.mode, words.health.modes[vault.search_mode]],
    [words.health.erasure, file && words.health.erasures[file.erasure]],
  ];
  return h(
    "section",
    { class: "panel" },
    h("h2", {}, words.health.vault),
    list(rows),
    without > 0 ? h("p", { class: "trouble" }, words.health.without(without)) : null,
    file ? null : h("p", { class: "hint" }, words.health.severalClients),
  );
}

function ofModels({ pack, runtime, liveness, scores }) {
  const rows = [
    [words.health.pack, pack && (pack.title || pack.name)],
    [words.health.licence, pack?.licence],
    [words.health.terms, pack?.terms],
    [words.health.dimension, pack && number(pack.dimension)],
    [words.health.runtime, runtime && `ONNX Runtime ${runtime.version}`],
    [words.health.liveness, liveness ? words.health.loaded : words.health.notLoaded],
    [words.health.scores, scores.available ? words.health.anchor : scores.reason],
  ];
  const none = pack ? null : h("p", { class: "trouble" }, words.health.noPack);
  return h("section", { class: "panel" }, h("h2", {}, words.health.models), none, list(rows));
}

function check({ file }, signal) {
  if (!file) return null;
  const result = h("div", { "aria-live": "polite" });
  const now = button(words.health.checkNow, null);
  now.addEventListener("click", working(now, async () => {
    fill(result, waiting(words.health.checking));
    try {
      const found = await ask("GET", "/vault/check", { signal });
      fill(result, found.problems.length === 0 ? whole(found) : damaged(found.problems));
    } catch (failure) {
      if (failure.name !== "AbortError") fill(result, trouble(explain(failure)));
    }
  }));
  return h(
    "section",
    { class: "panel" },
    h("h2", {}, words.health.check),
    h("p", {}, words.health.checkText),
    h("div", { class: "row" }, now),
    result,
  );
}

function whole(found) {
  return h("p", { class: "verdict yes" }, words.health.whole(found));
}

function damaged(problems) {
  const shownProblem = ({ person, message }) => {
    const link = person ? h("a", { href: `#/people/${encodeURIComponent(person)}` }, person) : null;
    return h("li", {}, link, link ? ": " : "", message);
  };
  return [
    h("p", { class: "verdict no" }, words.health.damaged(problems.length)),
    h("ul", {}, problems.slice(0, 100).map(shownProblem)),
  ];
}
