// The list of people: search, filters, pages, thumbnails.

import { ask, page, picture } from "./api.js";
import { button, field, fill, h, select } from "./dom.js";
import { explain } from "./messages.js";
import { readOut, trouble, waiting } from "./notices.js";
import { nobody } from "./pictures.js";
import { words } from "./strings.js";

const PER_PAGE = 24;
// How long the search waits for the next letter.
const TYPING = 250;

// What was asked last, so that coming back shows the same. No part of the address: a name would be in the history.
const asked = { name: "", status: "", collection: "", page: 1 };

// Shows the members of a collection the next time.
export function only(collection) {
  Object.assign(asked, { name: "", status: "", collection, page: 1 });
}

export function view(signal) {
  const list = h("div", { class: "list" });
  const name = h("input", { type: "search", value: asked.name, autocomplete: "off", maxlength: "100" });
  const status = select([["", words.people.all], ...Object.entries(words.statuses)], asked.status);
  const collection = select([["", words.people.all]], "");
  let request = null;

  const load = async (isMoved = false) => {
    request?.abort();
    const own = new AbortController();
    request = own;
    signal.addEventListener("abort", () => own.abort(), { signal: own.signal });
    if (list.childElementCount === 0) fill(list, waiting());
    list.setAttribute("aria-busy", "true");
    try {
      const found = await page(`/persons?${query()}`, { signal: own.signal });
      if (asked.page > 1 && found.items.length === 0) {
        asked.page = Math.max(found.pages, 1);
        return load(isMoved);
      }
      fill(list, ...shown(found, own.signal, turn, all));
      readOut(words.people.found(found.total));
      if (isMoved) list.querySelector("h2")?.focus();
    } catch (failure) {
      if (failure.name === "AbortError") return;
      fill(list, trouble(explain(failure), button(words.again, () => load())));
    } finally {
      if (request === own) list.removeAttribute("aria-busy");
    }
  };
  const turn = (page) => {
    asked.page = page;
    load(true);
  };
  const all = () => {
    only("");
    [name.value, status.value, collection.value] = ["", "", ""];
    load();
    name.focus();
  };
  const changed = () => {
    Object.assign(asked, { name: name.value.trim(), status: status.value, collection: collection.value, page: 1 });
    load();
  };

  let timer = 0;
  name.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(changed, TYPING);
  });
  status.addEventListener("change", changed);
  collection.addEventListener("change", changed);
  choices(collection, signal);
  load();
  return [
    h(
      "div",
      { class: "heading" },
      h("h1", { tabindex: "-1" }, words.people.title),
      h("a", { class: "button main", href: "#/people/new" }, words.people.add),
    ),
    h(
      "form",
      { class: "filters", role: "search", on: { submit: (event) => event.preventDefault() } },
      field(words.people.search, name),
      field(words.people.status, status),
      field(words.people.collection, collection),
    ),
    list,
  ];
}

// Puts the collections among the choices of a select.
export async function choices(control, signal) {
  try {
    const collections = await ask("GET", "/collections", { signal });
    control.append(...collections.map(({ _id, name }) => h("option", { value: _id }, name)));
    if (collections.some(({ _id }) => _id === asked.collection)) control.value = asked.collection;
    else asked.collection = "";
  } catch {
    // The list itself says what is wrong.
  }
}

function query() {
  const query = new URLSearchParams({ page: asked.page, limit: PER_PAGE });
  for (const key of ["name", "status", "collection"]) {
    if (asked[key]) query.set(key, asked[key]);
  }
  return query;
}

function shown(found, signal, turn, all) {
  if (found.total === 0) {
    const isFiltered = asked.name || asked.status || asked.collection;
    return isFiltered
      ? [h("div", { class: "nothing" }, h("p", {}, words.people.noMatch), button(words.people.showAll, all))]
      : [h("div", { class: "nothing" }, h("p", {}, words.people.empty))];
  }
  const cards = h("ul", { class: "cards" }, found.items.map((person) => card(person, signal)));
  return [
    h("h2", { class: "count", tabindex: "-1" }, words.people.found(found.total)),
    cards,
    found.pages > 1 ? pager(asked.page, found.pages, turn) : null,
  ];
}

function card(person, signal) {
  const face = h("span", { class: "face" }, nobody());
  if (person.image_count > 0) whenSeen(face, () => thumbnail(face, person, signal));
  const status = person.status === "active" ? null : h("span", { class: "tag" }, words.statuses[person.status]);
  const photos = h("span", { class: "hint" }, words.people.photos(person.image_count), status);
  return h(
    "li",
    {},
    h("a", { href: `#/people/${encodeURIComponent(person._id)}` }, face, h("span", { class: "name" }, person.name), photos),
  );
}

async function thumbnail(place, person, signal) {
  try {
    const source = await picture(`/persons/${encodeURIComponent(person._id)}/thumbnail`, { signal });
    const image = h("img", { alt: "", src: source });
    image.addEventListener("load", () => URL.revokeObjectURL(source));
    fill(place, h("span", { class: "picture" }, image));
  } catch {
    // The frame stays empty.
  }
}

// Runs work once an element comes into view.
function whenSeen(element, work) {
  const observer = new IntersectionObserver((entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    observer.disconnect();
    work();
  }, { rootMargin: "200px" });
  observer.observe(element);
}

function pager(page, pages, turn) {
  const to = (text, target, isPossible) =>
    button(text, () => isPossible && turn(target), { "aria-disabled": isPossible ? null : "true" });
  return h(
    "nav",
    { class: "pager", "aria-label": words.people.pages },
    to(words.people.before, page - 1, page > 1),
    h("span", {}, words.people.page(page, pages)),
    to(words.people.after, page + 1, page < pages),
  );
}
