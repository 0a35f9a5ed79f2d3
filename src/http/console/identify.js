// Who is it? By a photo, or live by the camera, with boxes and names on the picture.

import { ask } from "./api.js";
import { field, h } from "./dom.js";
import { explain, refusedLines } from "./messages.js";
import { shown } from "./notices.js";
import { choices } from "./people.js";
import { small } from "./pictures.js";
import { byCamera, byFile } from "./probe.js";
import { least, strictness } from "./scores.js";
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
    h(
      "div",
      { class: "columns" },
      byCamera(signal, (data, boxes, running) => seen(data, boxes, asked(), running)),
      byFile(signal, (data, boxes, running) => searched(data, boxes, asked(), running)),
    ),
  ];
}

async function searched(data, boxes, asked, running) {
  const body = { image: data, ...asked, top: true, max_results: CANDIDATES };
  const faces = await ask("POST", "/search/faces", { body, signal: running });
  await boxes(faces.length === 1 ? faces.map((face) => labelled(face)) : faces.map(numbered));
  const list = faces.length === 0 ? h("p", {}, words.identify.noFace) : h("ol", { class: "faces" }, faces.map(item));
  return [h("h3", {}, words.identify.results), list];
}

// Who stands before the camera.
async function seen(data, boxes, asked, running) {
  const faces = await ask("POST", "/search/faces", { body: { image: data, ...asked }, signal: running });
  const named = faces.map((face) => labelled(face));
  boxes(named);
  const names = named.map((face) => face.label || words.identify.refused).join(", ");
  return { text: names ? words.identify.seen(names) : words.camera.nobody, kind: "live-said" };
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
