// Is it that person? By a photo, or live by the camera.

import { ask, page, within } from "./api.js";
import { button, field, fill, h } from "./dom.js";
import { candidate } from "./identify.js";
import { explain } from "./messages.js";
import { shown, trouble } from "./notices.js";
import { byCamera, byFile } from "./probe.js";
import { strictness } from "./scores.js";
import { words } from "./strings.js";

const CHOICES = 8;
const TYPING = 250;
// The score at which the decision about one pair is right but for 1 stranger in 1,000.
const ANCHOR = 0.85;

export function view(signal) {
  const place = h("div", {});
  shown(place, () => content(signal), explain);
  return [h("h1", { tabindex: "-1" }, words.verify.title), h("p", { class: "lead" }, words.verify.text), place];
}

async function content(signal) {
  const [vault, models] = await Promise.all([
    ask("GET", "/vault", { signal }),
    ask("GET", "/models", { signal }),
  ]);
  const limit = strictness(models.scores, 1, ANCHOR, words.verify.rate);
  const ways = h("div", { class: "columns" });
  let leaving = null;
  const who = chooser(signal, (person) => {
    leaving?.abort();
    leaving = within(signal);
    const mode = vault.search_mode || "FAST";
    const asked = () => ({ id: person._id, min_score: limit.value(), search_mode: mode });
    if (person.status !== "active") fill(ways, trouble(words.verify.inactive));
    else fill(ways, byCamera(leaving.signal, seen(person, asked)), byFile(leaving.signal, checked(person, asked)));
  }, () => {
    leaving?.abort();
    fill(ways);
  });
  return [h("section", { class: "panel" }, who, limit.element), ways];
}

// Finds the person by the name.
function chooser(signal, chosen, cleared) {
  const name = h("input", { type: "search", autocomplete: "off", maxlength: "100" });
  const list = h("ul", { class: "candidates" });
  const said = h("p", { class: "hint", role: "status" });
  const place = h("div", {});
  let request = null;
  const find = async () => {
    request?.abort();
    request = new AbortController();
    const query = new URLSearchParams({ limit: CHOICES, ...(name.value.trim() ? { name: name.value.trim() } : {}) });
    try {
      const found = await page(`/persons?${query}`, { signal: request.signal });
      fill(list, found.items.map((person) => h("li", {}, button(person.name, () => choose(person), { class: "link" }))));
      fill(said, found.total === 0 ? words.verify.noMatch : found.total > CHOICES ? words.verify.more : "");
    } catch (failure) {
      if (failure.name !== "AbortError") fill(said, explain(failure).join(" "));
    }
  };
  const choose = (person) => {
    const change = button(words.verify.change, again);
    fill(place, h("p", { class: "what" }, words.verify.chosen(person.name)), change);
    change.focus();
    chosen(person);
  };
  const again = () => {
    cleared();
    fill(place, field(words.verify.search, name), said, list);
    name.focus();
    find();
  };
  let timer = 0;
  name.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(find, TYPING);
  });
  signal.addEventListener("abort", () => request?.abort());
  fill(place, field(words.verify.search, name), said, list);
  find();
  return h("div", {}, h("h2", {}, words.verify.who), place);
}

// What is said of a photo.
function checked(person, asked) {
  return async (data, boxes, running) => {
    const faces = await detected(data, running);
    await boxes(faces.map((face) => ({ ...face, kind: "unknown" })));
    const { match } = await ask("POST", "/verify", { body: { images: [data], ...asked() }, signal: running });
    await boxes(faces.map((face) => marked(face, match, person)));
    return decided(match, person);
  };
}

function detected(data, signal) {
  return ask("POST", "/detect", { body: { image: data, return_landmarks: false }, signal });
}

function marked(face, match, person) {
  return { ...face, kind: match ? "known" : "unknown", label: match ? person.name : words.identify.unknown };
}

function decided(match, person) {
  const text = match ? words.verify.yes(person.name) : words.verify.no(person.name);
  return [
    h("p", { class: match ? "verdict yes" : "verdict no" }, text),
    match ? h("ul", { class: "candidates" }, candidate(match)) : null,
  ];
}

// What is said of a picture of the camera.
function seen(person, asked) {
  return async (data, boxes, running) => {
    const faces = await detected(data, running);
    const refused = (text) => {
      boxes(faces.map((face) => ({ ...face, kind: "refused" })));
      return { text, kind: "hint" };
    };
    if (faces.length !== 1) {
      return refused(faces.length === 0 ? words.camera.nobody : words.refusals.multiple_faces_detected);
    }
    let match = null;
    try {
      ({ match } = await ask("POST", "/verify", { body: { images: [data], ...asked() }, signal: running }));
    } catch (failure) {
      if (!failure.body?.images) throw failure;
      return refused(explain(failure)[0]);
    }
    boxes(faces.map((face) => marked(face, match, person)));
    return match
      ? { text: words.verify.yes(person.name), kind: "verdict yes" }
      : { text: words.verify.no(person.name), kind: "verdict no" };
  };
}
