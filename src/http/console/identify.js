// Who is it? By a photo, or live by the camera, with boxes and names on the picture.

import { ask, pause } from "./api.js";
import { draw, framed, overlay } from "./boxes.js";
import { camera } from "./camera.js";
import { button, field, fill, h } from "./dom.js";
import { explain, refusedLines } from "./messages.js";
import { readOut, shown, trouble, waiting } from "./notices.js";
import { choices } from "./people.js";
import { encoded, image, size, small } from "./pictures.js";
import { atOnce, least, strictness } from "./scores.js";
import { score, words } from "./strings.js";

// The most similar persons of a face that are shown beside a photo.
const CANDIDATES = 3;

export function view(signal) {
  const place = h("div", {});
  shown(place, () => content(signal), explain);
  return [h("h1", { tabindex: "-1" }, words.identify.title), h("p", { class: "lead" }, words.identify.text), place];
}

async function content(signal) {
  const [vault, models] = await Promise.all([
    ask("GET", "/vault", { signal }),
    ask("GET", "/models", { signal }),
  ]);
  const collection = h("select", {}, h("option", { value: "" }, words.identify.everybody));
  choices(collection, signal);
  const limit = strictness(models.scores, vault.people.active, least(vault.people.active));
  // What a request asks beside the photo.
  const asked = () => ({
    min_score: limit.value(),
    search_mode: vault.search_mode || "FAST",
    ...(collection.value ? { collection_id: collection.value } : {}),
  });
  const nobody = vault.people.active === 0 ? h("p", { class: "trouble" }, words.identify.nobodyEnrolled) : null;
  return [
    nobody,
    h(
      "details",
      { class: "panel", open: true },
      h("summary", {}, words.identify.settings),
      h("div", { class: "pair" }, field(words.identify.collection, collection), limit.element),
    ),
    h("div", { class: "columns" }, fromCamera(asked, signal), fromFile(asked, signal)),
  ];
}

function fromFile(asked, signal) {
  const results = h("div", { "aria-live": "polite" });
  const input = h("input", { type: "file", accept: "image/*", class: "unseen", tabindex: "-1" });
  input.setAttribute("aria-label", words.identify.choose);
  const choose = button(words.identify.choose, () => input.click(), { class: "main" });
  input.addEventListener("change", async () => {
    const [file] = input.files;
    input.value = "";
    if (!file) return;
    fill(results, waiting());
    try {
      const data = await encoded(file);
      fill(results, await searched(data, asked(), signal));
    } catch (failure) {
      if (failure.name !== "AbortError") fill(results, trouble(explain(failure)));
    }
  });
  return h("section", { class: "panel" }, h("h2", {}, words.identify.file), input, h("div", { class: "row" }, choose), results);
}

async function searched(data, asked, signal) {
  const body = { image: data, ...asked, top: true, max_results: CANDIDATES };
  const [faces, seen] = await Promise.all([ask("POST", "/search/faces", { body, signal }), size(data)]);
  const drawing = overlay();
  if (seen) draw(drawing, faces.length === 1 ? faces.map((face) => labelled(face)) : faces.map(numbered), seen);
  const list = faces.length === 0 ? h("p", {}, words.identify.noFace) : h("ol", { class: "faces" }, faces.map(item));
  return [framed(image(data, words.identify.file), drawing), h("h3", {}, words.identify.results), list];
}

// The same with its number in the list.
function numbered(face, at) {
  const { kind, label } = labelled(face);
  return { ...face, kind, label: `${at + 1} ${label}`.trim() };
}

// The face with what stands at its box.
function labelled(face) {
  if (face.refusal) return { ...face, kind: "refused", label: "" };
  const [first] = face.persons;
  const isKnown = first && first.recognized !== false;
  return { ...face, kind: isKnown ? "known" : "unknown", label: isKnown ? first.name : words.identify.unknown };
}

function item(face, at) {
  const title = h("h4", {}, words.identify.face(at + 1));
  if (face.refusal) {
    const lines = refusedLines(face.refusal).map((line) => h("p", { class: "hint" }, line));
    return h("li", { class: "bad" }, title, h("p", { class: "what" }, words.identify.refused), lines);
  }
  const isKnown = face.persons[0]?.recognized;
  const others = face.persons.filter((person) => person.recognized === isKnown || !isKnown);
  return h(
    "li",
    {},
    title,
    isKnown ? null : h("p", { class: "what" }, words.identify.unknown, ". ", words.identify.unknownText),
    !isKnown && others.length > 0 ? h("p", { class: "hint" }, words.identify.similar) : null,
    h("ul", { class: "candidates" }, others.map(candidate)),
  );
}

export function candidate(person) {
  return h(
    "li",
    {},
    small(person.thumbnails, ""),
    h("a", { href: `#/people/${encodeURIComponent(person.id)}` }, person.name),
    h("span", { class: "hint" }, words.identify.score(score(person.score))),
  );
}

function fromCamera(asked, signal) {
  const said = h("p", { class: "live-said" });
  const pace = h("p", { class: "hint" });
  let last = "";
  const watch = async (running) => {
    const rate = atOnce();
    while (!running.aborted) {
      const seen = document.hidden ? null : await eye.still();
      if (!seen) {
        await pause(100, running);
        continue;
      }
      const faces = await ask("POST", "/search/faces", { body: { image: seen.data, ...asked() }, signal: running });
      if (running.aborted) return;
      const named = faces.map((face) => labelled(face));
      draw(eye.drawing, named, seen, eye.isMirrored());
      const names = named.map((face) => face.label || words.identify.refused).join(", ");
      const text = names ? words.identify.seen(names) : words.camera.nobody;
      if (text !== last) readOut(text);
      last = text;
      fill(said, text);
      fill(pace, words.camera.pace(rate()));
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
    fill(pace);
  };
  const eye = camera(signal, started);
  return h("section", { class: "panel" }, h("h2", {}, words.identify.live), eye.element, said, pace);
}

// Goes on after a pause where the server is busy.
export async function repeated(work, running) {
  for (;;) {
    try {
      return await work(running);
    } catch (failure) {
      if (failure.status !== 503 || !failure.retryAfter) throw failure;
      await pause(failure.retryAfter * 1000, running);
    }
  }
}
