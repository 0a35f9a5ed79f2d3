// The fields of a person as a form, and what was changed in it.

import { ask } from "./api.js";
import { add, button, field, fill, h, mark, newId, select } from "./dom.js";
import { words } from "./strings.js";

const TEXTS = ["name", "gender", "date_of_birth", "nationality", "status", "notes", "expires_at"];

// The form's controls for a person as it was read, or for a new one (null). `changes()` is what a request has to send:
// what was changed alone, and null for what was cleared.
export async function fields(person, signal) {
  const before = texts(person);
  const controls = {
    name: h("input", { type: "text", required: true, maxlength: "100", autocomplete: "off" }),
    gender: select(Object.entries(words.genders), ""),
    date_of_birth: h("input", { type: "date" }),
    nationality: h("input", { type: "text", maxlength: "100", autocomplete: "off" }),
    status: select(Object.entries(words.statuses), "active"),
    notes: h("textarea", { rows: "3", maxlength: "4000" }),
    expires_at: h("input", { type: "datetime-local", step: "1" }),
  };
  for (const name of TEXTS) controls[name].value = before[name];
  const collections = await memberships(person, signal);
  const attributes = attributeRows(person?.attributes || {});
  const label = (name, hint) => field(words.person[name], controls[name], hint);
  const element = h(
    "div",
    { class: "fields" },
    label("name"),
    h("div", { class: "pair" }, label("gender"), label("date_of_birth")),
    h("div", { class: "pair" }, label("nationality"), label("status", words.person.statusHint)),
    collections.element,
    label("notes"),
    label("expires_at", words.person.expiresHint),
    attributes.element,
  );

  const changes = () => {
    const found = {};
    for (const name of TEXTS) {
      const value = controls[name].value;
      if (value === before[name]) continue;
      found[name] = asSent(name, value);
    }
    return { ...found, ...collections.changes(), ...attributes.changes() };
  };
  const check = () => {
    for (const name of TEXTS) mark(controls[name], "");
    return attributes.check();
  };
  // Shows the broken rules at their fields; returns those that belong to no field.
  const refuse = (rules) => {
    const others = [];
    for (const [name, rule] of rules) {
      if (controls[name]) mark(controls[name], rule);
      else others.push(rule);
    }
    const first = TEXTS.find((name) => rules.has(name));
    if (first) controls[first].focus();
    return others;
  };
  return { element, changes, check, refuse };
}

// What stands in the controls, as texts.
function texts(person) {
  const date = person?.date_of_birth;
  const two = (number) => String(number).padStart(2, "0");
  return {
    name: person?.name || "",
    gender: person?.gender || "",
    date_of_birth: date ? `${String(date.year).padStart(4, "0")}-${two(date.month)}-${two(date.day)}` : "",
    nationality: person?.nationality || "",
    status: person?.status || "active",
    notes: (person?.notes || "").replaceAll("\r\n", "\n"),
    expires_at: person?.expires_at ? local(new Date(person.expires_at)) : "",
  };
}

// A time as a control for local times takes it.
function local(time) {
  return new Date(time.getTime() - time.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}

function asSent(name, value) {
  if (name === "name") return value;
  if (value === "") return null;
  return name === "expires_at" ? new Date(value).toISOString() : value;
}

// The collections as boxes to tick.
async function memberships(person, signal) {
  const all = await ask("GET", "/collections", { signal });
  const before = new Set(person?.collections || []);
  const boxes = all.map(({ _id, name }) => {
    const box = h("input", { type: "checkbox", value: _id, id: newId("collection"), checked: before.has(_id) });
    return { box, row: h("div", { class: "tick" }, box, h("label", { for: box.id }, name)) };
  });
  const rows = boxes.length > 0 ? boxes.map(({ row }) => row) : h("p", { class: "hint" }, words.person.noCollections);
  const changes = () => {
    const chosen = boxes.filter(({ box }) => box.checked).map(({ box }) => box.value);
    const isSame = chosen.length === before.size && chosen.every((id) => before.has(id));
    return isSame ? {} : { collections: chosen };
  };
  const legend = h("legend", {}, words.person.collections);
  return { element: h("fieldset", {}, legend, h("div", { class: "ticks" }, rows)), changes };
}

// Attributes as rows of a key and a value.
function attributeRows(before) {
  const rows = h("div", { class: "attributes" });
  const wrong = h("p", { class: "wrong", role: "alert" });
  const addRow = (key, value) => {
    const keyed = h("input", { type: "text", value: key, maxlength: "64", "aria-label": words.person.key });
    const valued = h("input", { type: "text", value, maxlength: "1000", "aria-label": words.person.value });
    keyed.placeholder = words.person.key;
    valued.placeholder = words.person.value;
    const remove = button("×", () => {
      row.remove();
      more.focus();
    }, { class: "close" });
    const named = () => remove.setAttribute("aria-label", words.person.removeAttribute(keyed.value));
    keyed.addEventListener("input", named);
    named();
    const row = h("div", { class: "attribute" }, keyed, valued, remove);
    rows.append(row);
    return keyed;
  };
  for (const [key, value] of Object.entries(before)) addRow(key, value);
  const more = button(words.person.addAttribute, () => addRow("", "").focus(), { class: "quiet" });

  const entries = () =>
    [...rows.children].map((row) => [...row.querySelectorAll("input")].map((control) => control.value));
  const check = () => {
    const keys = entries().map(([key]) => key);
    const twice = keys.find((key, place) => keys.indexOf(key) !== place);
    const text = keys.includes("") ? words.person.noKey : twice ? words.person.twice(twice) : "";
    fill(wrong, text);
    return text === "";
  };
  const changes = () => {
    const now = new Map(entries());
    const changed = {};
    for (const [key, value] of now) {
      if (before[key] !== value) changed[key] = value;
    }
    for (const key of Object.keys(before)) {
      if (!now.has(key)) changed[key] = null;
    }
    return Object.keys(changed).length > 0 ? { attributes: changed } : {};
  };
  const element = h("fieldset", {}, h("legend", {}, words.person.attributes));
  add(element, [h("p", { class: "hint" }, words.person.attributesHint), rows, wrong, more]);
  return { element, changes, check };
}
