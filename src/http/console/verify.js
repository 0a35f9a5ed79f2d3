// Is it that person? By a photo, or live by the camera.

import { ask, page, pause } from "./api.js";
import { draw, overlay, framed } from "./boxes.js";
import { camera } from "./camera.js";
import { button, field, fill, h } from "./dom.js";
import { candidate, repeated } from "./identify.js";
import { explain } from "./messages.js";
import { readOut, shown, trouble, waiting } from "./notices.js";
import { encoded, image, size } from "./pictures.js";
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
    leaving = new AbortController();
    signal.addEventListener("abort", () => leaving.abort());
    const mode = vault.search_mode || "FAST";
    const asked = () => ({ id: person._id, min_score: limit.value(), search_mode: mode });
    if (person.status !== "active") fill(ways, trouble(words.verify.inactive));
    else fill(ways, fromCamera(person, asked, leaving.signal), fromFile(person, asked, leaving.signal));
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

function fromFile(person, asked, signal) {
  const results = h("div", { "aria-live": "polite" });
  const input = h("input", { type: "file", accept: "image/*", class: "unseen", tabindex: "-1" });
  input.setAttribute("aria-label", words.identify.choose);
  const choose = button(words.identify.choose, () => input.click(), { class: "main" });
  input.addEventListener("change", async () => {
    const [file] = input.files;
    input.value = "";
    if (!file) return;
    fill(results, waiting());
    const drawing = overlay();
    let shownPhoto = null;
    try {
      const data = await encoded(file);
      shownPhoto = framed(image(data, words.identify.file), drawing);
      const [faces, seen] = await Promise.all([detected(data, signal), size(data)]);
      if (seen) draw(drawing, faces.map((face) => ({ ...face, kind: "unknown" })), seen);
      const { match } = await ask("POST", "/verify", { body: { images: [data], ...asked() }, signal });
      if (seen) draw(drawing, faces.map((face) => marked(face, match, person)), seen);
      fill(results, shownPhoto, decided(match, person));
    } catch (failure) {
      if (failure.name !== "AbortError") fill(results, shownPhoto, trouble(explain(failure)));
    }
  });
  return h("section", { class: "panel" }, h("h2", {}, words.identify.file), input, h("div", { class: "row" }, choose), results);
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

function fromCamera(person, asked, signal) {
  const said = h("div", {});
  let last = "";
  const say = (text, kind) => {
    if (text !== last) readOut(text);
    last = text;
    fill(said, h("p", { class: kind }, text));
  };
  const look = async (seen, running) => {
    const faces = await detected(seen.data, running);
    if (faces.length !== 1) {
      draw(eye.drawing, faces.map((face) => ({ ...face, kind: "refused" })), seen, eye.isMirrored());
      return say(faces.length === 0 ? words.camera.nobody : words.refusals.multiple_faces_detected, "hint");
    }
    let match = null;
    try {
      ({ match } = await ask("POST", "/verify", { body: { images: [seen.data], ...asked() }, signal: running }));
    } catch (failure) {
      if (!failure.body?.images) throw failure;
      draw(eye.drawing, faces.map((face) => ({ ...face, kind: "refused" })), seen, eye.isMirrored());
      return say(explain(failure)[0], "hint");
    }
    draw(eye.drawing, faces.map((face) => marked(face, match, person)), seen, eye.isMirrored());
    say(match ? words.verify.yes(person.name) : words.verify.no(person.name), match ? "verdict yes" : "verdict no");
  };
  const watch = async (running) => {
    while (!running.aborted) {
      const seen = document.hidden ? null : await eye.still();
      if (seen) await look(seen, running);
      else await pause(100, running);
    }
  };
  const started = async (running) => {
    last = "";
    try {
      await repeated(watch, running);
    } catch (failure) {
      if (failure.name !== "AbortError") eye.fail(explain(failure));
    }
    fill(said);
  };
  const eye = camera(signal, started);
  return h("section", { class: "panel" }, h("h2", {}, words.identify.live), eye.element, said);
}
