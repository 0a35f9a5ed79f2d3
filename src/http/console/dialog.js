// Questions and dialogs. The browser keeps the focus inside and gives it back.

import { button, h, newId } from "./dom.js";
import { words } from "./strings.js";

// A dialog with this content, open; `closed` is told when it closes.
export function open(title, content, buttons, closed = () => {}) {
  const id = newId("dialog");
  const dialog = h(
    "dialog",
    { "aria-labelledby": id },
    h("h2", { id }, title),
    h("div", { class: "content" }, content),
    h("div", { class: "row end" }, buttons),
  );
  dialog.addEventListener("close", () => {
    dialog.remove();
    closed(dialog.returnValue);
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

// Asks; true where the action was chosen. What is safe has the focus.
export function question(title, text, action) {
  return new Promise((resolve) => {
    const cancel = button(words.cancel, () => dialog.close(""), { autofocus: true });
    const act = button(action, () => dialog.close("yes"), { class: "danger" });
    const lines = [text].flat().map((line) => h("p", {}, line));
    const dialog = open(title, lines, [cancel, act], (value) => resolve(value === "yes"));
  });
}
