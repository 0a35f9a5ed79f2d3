// Pictures: from files to texts that requests hold, and back to what an image shows.

import { button, h } from "./dom.js";
import { words } from "./strings.js";

// What the first characters of base64 say of a file's type.
const TYPES = [["/9j/", "jpeg"], ["iVBORw", "png"], ["UklGR", "webp"], ["R0lGOD", "gif"], ["Qk", "bmp"]];

// The bytes of a file as a `data:` address, which requests take as base64 too.
export function encoded(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.addEventListener("load", () => resolve(reader.result));
    reader.addEventListener("error", () => reject(new Error(words.photos.unreadable)));
    reader.readAsDataURL(file);
  });
}

// A button by which pictures are chosen from files, and the hidden input behind it. `chosen` gets the files, one at
// least.
export function picker(label, chosen, isSeveral = false) {
  const input = h("input", {
    type: "file",
    accept: "image/*",
    multiple: isSeveral,
    class: "unseen",
    tabindex: "-1",
    "aria-label": label,
  });
  input.addEventListener("change", () => {
    const files = [...input.files];
    // So that the same file can be chosen again.
    input.value = "";
    if (files.length > 0) chosen(files);
  });
  return { input, choose: button(label, () => input.click(), { class: "main" }) };
}

// What an image shows of a photo that an answer holds.
export function address(base64) {
  const type = TYPES.find(([start]) => base64.startsWith(start))?.[1] || "jpeg";
  return `data:image/${type};base64,${base64}`;
}

// An image, and a word in its place where the browser cannot show it, which is so for HEIC and TIFF.
export function image(source, alternative, attributes = {}) {
  const place = h("span", { class: "picture", ...attributes });
  const shown = h("img", { src: source, alt: alternative, decoding: "async" });
  shown.addEventListener("error", () => {
    const label = `${alternative}: ${words.photos.noPreview}`;
    place.replaceChildren(h("span", { class: "no-picture", role: "img", "aria-label": label }, words.photos.noPreview));
  });
  place.append(shown);
  return place;
}

// The size of a picture as it is shown; null where the browser cannot show it.
export function size(source) {
  return new Promise((resolve) => {
    const shown = new Image();
    shown.addEventListener("load", () => resolve({ width: shown.naturalWidth, height: shown.naturalHeight }));
    shown.addEventListener("error", () => resolve(null));
    shown.src = source;
  });
}

// A thumbnail of an answer, or an empty frame.
export function small(thumbnails, alternative) {
  const found = thumbnails?.[0]?.thumbnail;
  return found ? image(address(found), alternative, { class: "picture small" }) : nobody("picture small");
}

// An empty frame.
export function nobody(kind = "picture") {
  return h("span", { class: `${kind} empty`, "aria-hidden": "true" });
}
