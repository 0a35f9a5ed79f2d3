// Adding a person by photos.

import { ask } from "./api.js";
import { fields } from "./fields.js";
import { button, fill, h, working } from "./dom.js";
import { broken, explain } from "./messages.js";
import { notify, shown, trouble } from "./notices.js";
import { chooser, refuse, tile } from "./photos.js";
import { words } from "./strings.js";

// The most photos of a new person.
const MOST = 3;

export function view(signal) {
  const place = h("div", {});
  shown(place, () => form(signal), explain);
  return [
    h("p", {}, h("a", { href: "#/people" }, "← ", words.person.back)),
    h("h1", { tabindex: "-1" }, words.person.add),
    place,
  ];
}

async function form(signal) {
  const [{ limits }, details] = await Promise.all([ask("GET", "/vault", { signal }), fields(null, signal)]);
  let tiles = [];
  let places = 0;
  const list = h("ul", { class: "photos" });
  const wrong = h("div", {});
  const create = h("button", { type: "submit", class: "main" }, words.person.create);

  const taken = async (photo) => {
    places += 1;
    const added = tile(photo, places, () => {
      tiles = tiles.filter((other) => other !== added);
      added.element.remove();
      choose.querySelector("button").focus();
    }, signal);
    tiles.push(added);
    list.append(added.element);
  };
  const choose = chooser(limits, MOST, taken, () => tiles.length >= MOST);

  const send = async () => {
    fill(wrong);
    const isWhole = details.check();
    if (tiles.length === 0) {
      fill(wrong, trouble(words.photos.needed));
      return;
    }
    if (!isWhole) return;
    tiles.forEach((one) => one.waits());
    try {
      const body = { name: "", ...details.changes(), images: tiles.map((one) => one.photo.data) };
      const person = await ask("POST", "/persons", { body, signal });
      notify(words.person.created(person.name));
      location.hash = `#/people/${encodeURIComponent(person._id)}`;
    } catch (failure) {
      if (failure.name === "AbortError") return;
      tiles.forEach((one) => one.clear());
      fill(wrong, refuse(tiles, failure) ? trouble(words.photos.notAdded) : said(failure));
    }
  };
  const said = (failure) => {
    const known = failure.word === "person_already_set" ? failure.body.data : null;
    if (known) {
      const link = h("a", { href: `#/people/${encodeURIComponent(known._id)}` }, known.name);
      return trouble(words.person.known, link);
    }
    const rules = broken(failure);
    if (rules.size === 0) return trouble(explain(failure));
    const others = details.refuse(rules);
    return others.length > 0 ? trouble(others) : null;
  };
  const photos = h("section", { class: "panel" }, h("h2", {}, words.photos.title), list, choose);
  const about = h("section", { class: "panel" }, h("h2", {}, words.person.fields), details.element);
  const back = button(words.cancel, () => {
    location.hash = "#/people";
  });
  return h(
    "form",
    { novalidate: true, on: { submit: working(create, send) } },
    h("div", { class: "columns" }, photos, about),
    wrong,
    h("div", { class: "row end" }, back, create),
  );
}
