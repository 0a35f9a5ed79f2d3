// Elements made of nodes and texts. A text is always a text node: nothing is ever read as HTML.

const SVG = "http://www.w3.org/2000/svg";

// An element. Attributes that are true have no value, those that are false, null or undefined are left out; `on` holds
// listeners by their event, `value` and `checked` are set as properties.
export function h(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

// The same for SVG.
export function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (name === "on") {
      for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    } else if (name === "value" || name === "checked") {
      element[name] = value;
    } else {
      element.setAttribute(name, value === true ? "" : String(value));
    }
  }
  add(element, children);
  return element;
}

// Appends nodes, texts and lists of them.
export function add(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
}

// Puts these children in the place of all others.
export function fill(element, ...children) {
  element.replaceChildren();
  add(element, children);
  return element;
}

let ids = 0;

// An id that no other element has.
export function newId(what) {
  ids += 1;
  return `${what}-${ids}`;
}

// A control under its label, with a hint and a place for what is wrong with it.
export function field(label, control, hint) {
  const id = control.id || newId("field");
  control.id = id;
  const wrong = h("p", { class: "wrong", id: `${id}-wrong`, hidden: true });
  const hinted = hint ? h("p", { class: "hint", id: `${id}-hint` }, hint) : null;
  control.setAttribute("aria-describedby", `${hinted ? `${id}-hint ` : ""}${id}-wrong`);
  return h("div", { class: "field" }, h("label", { for: id }, label), control, hinted, wrong);
}

// Says what is wrong with a control that `field` made, or that nothing is.
export function mark(control, message) {
  const wrong = document.getElementById(`${control.id}-wrong`);
  if (!wrong) return;
  wrong.hidden = !message;
  wrong.textContent = message || "";
  if (message) control.setAttribute("aria-invalid", "true");
  else control.removeAttribute("aria-invalid");
}

export function button(text, listener, attributes = {}) {
  return h("button", { type: "button", ...attributes, on: { click: listener } }, text);
}

// Runs work once at a time while its button is shown as busy.
export function working(control, work) {
  return async (event) => {
    event?.preventDefault();
    if (control.getAttribute("aria-disabled") === "true") return;
    control.setAttribute("aria-disabled", "true");
    control.classList.add("busy");
    try {
      await work(event);
    } finally {
      control.removeAttribute("aria-disabled");
      control.classList.remove("busy");
    }
  };
}

// A select with options of [value, text].
export function select(options, value, attributes = {}) {
  const made = h("select", attributes, options.map(([key, text]) => h("option", { value: key }, text)));
  made.value = value;
  return made;
}
