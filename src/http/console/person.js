// One person: details, photos, removal.

import { ask, whole } from "./api.js";
import { fields } from "./fields.js";
import { button, fill, h, working } from "./dom.js";
import { open, question } from "./dialog.js";
import { broken, explain, isConflict } from "./messages.js";
import { notify, shown, trouble } from "./notices.js";
import { address, image, nobody } from "./pictures.js";
import { chooser, refuse, tile } from "./photos.js";
import { time, words } from "./strings.js";

export function view(id, signal) {
  const heading = h("h1", { tabindex: "-1" }, words.loading);
  const place = h("div", {});
  const load = () =>
    shown(place, async () => {
      const at = `/persons/${encodeURIComponent(id)}`;
      const [person, { limits }] = await Promise.all([ask("GET", at, { signal }), ask("GET", "/vault", { signal })]);
      named(heading, person.name);
      return content({ person, limits, at, signal, heading, load });
    }, (failure) => {
      heading.textContent = failure.status === 404 ? words.notFound.title : words.sections.people;
      return failure.status === 404 ? [words.person.gone] : explain(failure);
    });
  load();
  return [h("p", {}, h("a", { href: "#/people" }, "← ", words.person.back)), heading, place];
}

function named(heading, name) {
  heading.textContent = name;
  document.title = `${name} · ${words.title}`;
}

async function content(state) {
  const details = h("section", { class: "panel" });
  await showDetails(state, details);
  const photos = h("section", { class: "panel" });
  showPhotos(state, photos);
  const { person } = state;
  const record = h("dl", {});
  const rows = [
    [words.person.id, h("code", {}, person._id)],
    [words.person.since, time(person.createdAt)],
    [words.person.changed, h("span", { class: "changed" }, time(person.updatedAt))],
  ];
  fill(record, rows.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
  const remove = button(words.person.removal, null, { class: "danger" });
  remove.addEventListener("click", working(remove, () => removePerson(state, wrong)));
  const wrong = h("div", {});
  const end = h(
    "section",
    { class: "panel" },
    h("h2", {}, words.person.about),
    record,
    h("p", { class: "hint" }, words.person.removalText),
    wrong,
    remove,
  );
  return [h("div", { class: "columns" }, photos, h("div", {}, details, end))];
}

// Changes fields: what was changed alone is sent, with the time of the state that it was changed from.
async function showDetails(state, place) {
  const details = await fields(state.person, state.signal);
  const wrong = h("div", {});
  const save = h("button", { type: "submit", class: "main" }, words.save);
  const reset = button(words.person.reset, () => showDetails(state, place), { class: "quiet" });
  const send = async (isForced) => {
    fill(wrong);
    if (!details.check()) return;
    const changes = details.changes();
    if (Object.keys(changes).length === 0) return notify(words.person.unchanged);
    const body = isForced ? changes : { ...changes, updatedAt: state.person.updatedAt };
    try {
      state.person = await ask("PUT", state.at, { body, signal: state.signal });
      renewed(state);
      await showDetails(state, place);
      notify(words.person.saved);
      place.querySelector("button[type=submit]").focus();
    } catch (failure) {
      if (failure.name === "AbortError") return;
      fill(wrong, said(failure, details, state, () => send(true)));
    }
  };
  fill(
    place,
    h("h2", {}, words.person.fields),
    h(
      "form",
      { novalidate: true, on: { submit: working(save, () => send(false)) } },
      details.element,
      wrong,
      h("div", { class: "row end" }, reset, save),
    ),
  );
}

function renewed(state) {
  named(state.heading, state.person.name);
  const changed = document.querySelector("dd .changed");
  if (changed) changed.textContent = time(state.person.updatedAt);
}

function said(failure, details, state, force) {
  if (isConflict(failure)) {
    const theirs = button(words.person.theirs, state.load);
    return trouble(words.person.conflict, theirs, button(words.person.mine, force));
  }
  const rules = broken(failure);
  if (rules.size === 0) return trouble(explain(failure));
  const others = details.refuse(rules);
  return others.length > 0 ? trouble(others) : null;
}

// Photos are saved at once, one by one: each is taken or refused by itself.
function showPhotos(state, place) {
  const { person, limits, signal } = state;
  const stored = person.images;
  const hasGaps = stored.some((photo) => photo === null);
  const list = h("ul", { class: "photos" });
  const wrong = h("div", {});
  const update = (images) =>
    ask("PUT", state.at, { body: { images, updatedAt: state.person.updatedAt }, signal }).then((updated) => {
      state.person = updated;
      renewed(state);
      showPhotos(state, place);
    });
  const explained = (failure) => {
    if (failure.name === "AbortError") return;
    const isOld = isConflict(failure);
    fill(wrong, isOld ? trouble(words.person.conflict, button(words.person.theirs, state.load)) : trouble(explain(failure)));
  };
  const remove = async (at) => {
    if (stored.length === 1) return notify(words.photos.last);
    if (!(await question(words.photos.removeQuestion, words.photos.removeText, words.remove))) return;
    try {
      await update(stored.filter((_, other) => other !== at));
      notify(words.photos.removed);
      place.querySelector(".chooser button")?.focus();
    } catch (failure) {
      explained(failure);
    }
  };
  const taken = async (photo) => {
    fill(wrong);
    const added = tile(photo, state.person.images.length + 1, () => {
      added.element.remove();
      place.querySelector(".chooser button")?.focus();
    }, signal);
    list.append(added.element);
    added.waits();
    try {
      await update([...state.person.images, photo.data]);
      notify(words.photos.added);
    } catch (failure) {
      added.clear();
      if (!refuse([added], failure, state.person.images.length)) {
        added.element.remove();
        explained(failure);
      }
    }
  };
  const item = (photo, at) => {
    const label = words.photos.of(person.name, at + 1);
    const shown = photo ? image(address(photo), label) : nobody();
    const button_ = button(words.remove, () => remove(at), { class: "quiet", "aria-label": words.photos.remove(at + 1) });
    const note = photo ? null : h("p", { class: "hint" }, words.photos.noPhoto);
    return h("li", { class: "photo" }, h("div", { class: "framed" }, shown), note, hasGaps ? null : button_);
  };
  fill(list, stored.map(item));
  const isFull = () => state.person.images.length >= limits.images;
  const choose = hasGaps
    ? h("p", { class: "hint" }, words.photos.without)
    : chooser(limits, limits.images, taken, isFull);
  fill(place, h("h2", {}, words.photos.title), list, wrong, choose);
}

async function removePerson({ person, at, signal }, wrong) {
  if (await erased(at, person.name, signal, wrong)) location.hash = "#/people";
}

// Asks, removes, shows the receipt; true where the person is gone.
export async function erased(at, name, signal, wrong) {
  fill(wrong);
  const text = words.person.removalText;
  if (!(await question(words.person.removalQuestion(name), text, words.person.removal))) return false;
  try {
    const { body, headers } = await whole("DELETE", at, { signal });
    const receipt = headers.get("Facevault-Receipt");
    if (receipt) await showReceipt(name, receipt, body.data.erasure === "pending");
    else notify(words.person.removed(name));
    return true;
  } catch (failure) {
    if (failure.name !== "AbortError") fill(wrong, trouble(explain(failure)));
    return false;
  }
}

function showReceipt(name, receipt, isPending) {
  return new Promise((resolve) => {
    const content = [
      isPending ? h("p", {}, words.person.pending) : null,
      h("p", {}, words.person.receipt),
      h("p", {}, h("code", { class: "receipt" }, receipt)),
    ];
    const copy = button(words.copy, async () => {
      await navigator.clipboard.writeText(receipt).then(() => notify(words.copied), () => {});
    });
    const close = button(words.close, () => dialog.close(), { class: "main" });
    const dialog = open(words.person.removed(name), content, [copy, close], resolve);
  });
}
