// Collections: add, rename, describe, remove.

import { ask, page } from "./api.js";
import { button, field, fill, h, mark, working } from "./dom.js";
import { open, question } from "./dialog.js";
import { broken, explain } from "./messages.js";
import { notify, shown, trouble } from "./notices.js";
import { only } from "./people.js";
import { words } from "./strings.js";

export function view(signal) {
  const list = h("div", {});
  const load = () => shown(list, async () => rows(await ask("GET", "/collections", { signal }), signal, load), explain);
  const add = button(words.collections.add, () => edit(null, signal, load), { class: "main" });
  load();
  return [
    h("div", { class: "heading" }, h("h1", { tabindex: "-1" }, words.collections.title), add),
    h("p", { class: "lead" }, words.collections.text),
    list,
  ];
}

function rows(collections, signal, load) {
  if (collections.length === 0) return h("div", { class: "nothing" }, h("p", {}, words.collections.empty));
  return h("ul", { class: "rows" }, collections.map((collection) => row(collection, signal, load)));
}

function row(collection, signal, load) {
  const { _id: id, name, description } = collection;
  const members = button(words.loading, () => {
    only(id);
    location.hash = "#/people";
  }, { class: "link", "aria-label": words.collections.show(name) });
  page(`/persons?${new URLSearchParams({ collection: id, limit: 1 })}`, { signal })
    .then(({ total }) => {
      members.textContent = words.collections.members(total);
      members.setAttribute("aria-label", `${words.collections.members(total)}. ${words.collections.show(name)}`);
    })
    .catch(() => {
      members.textContent = words.people.title;
    });
  const wrong = h("div", {});
  const remove = async () => {
    const text = words.collections.removeText;
    if (!(await question(words.collections.removeQuestion(name), text, words.remove))) return;
    try {
      await ask("DELETE", `/collections/${encodeURIComponent(id)}`, { signal });
      notify(words.collections.removed(name));
      load();
    } catch (failure) {
      fill(wrong, trouble(explain(failure)));
    }
  };
  return h(
    "li",
    { class: "panel" },
    h("div", { class: "grow" }, h("h2", {}, name), description ? h("p", {}, description) : null, members, wrong),
    h(
      "div",
      { class: "row" },
      button(words.collections.edit, () => edit(collection, signal, load), {
        "aria-label": words.collections.editTitle(name),
      }),
      button(words.remove, remove, { class: "quiet", "aria-label": words.collections.remove(name) }),
    ),
  );
}

// A dialog for a collection, or for a new one (null).
function edit(collection, signal, load) {
  const name = h("input", { type: "text", required: true, maxlength: "100", autocomplete: "off" });
  const description = h("textarea", { rows: "3", maxlength: "4000" });
  name.value = collection?.name || "";
  description.value = collection?.description || "";
  const wrong = h("div", {});
  const save = h("button", { type: "submit", class: "main" }, words.save);
  const send = async () => {
    fill(wrong);
    mark(name, "");
    const body = { name: name.value, description: description.value || null };
    const read = collection ? { updatedAt: collection.updatedAt } : {};
    const at = collection ? `/collections/${encodeURIComponent(collection._id)}` : "/collections";
    try {
      await ask(collection ? "PUT" : "POST", at, { body: { ...body, ...read }, signal });
      dialog.close();
      notify(words.collections.saved);
      load();
    } catch (failure) {
      const rule = broken(failure).get("name");
      if (rule) {
        mark(name, rule);
        name.focus();
      } else fill(wrong, trouble(explain(failure)));
    }
  };
  const form = h(
    "form",
    { novalidate: true, on: { submit: working(save, send) } },
    field(words.collections.name, name),
    field(words.collections.description, description),
    wrong,
    h("div", { class: "row end" }, button(words.cancel, () => dialog.close()), save),
  );
  const title = collection ? words.collections.editTitle(collection.name) : words.collections.add;
  const dialog = open(title, form, []);
  name.focus();
}
