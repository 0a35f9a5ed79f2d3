// Boxes and names over a picture. They are for the eye: what they say also stands in words beside it.

import { fill, h, svg } from "./dom.js";

// The most letters at a box; all of them stand beside the picture.
const LETTERS = 28;

// A drawing that lies over a picture or a video and scales with it.
export function overlay() {
  return svg("svg", { class: "overlay", "aria-hidden": "true", preserveAspectRatio: "xMidYMid meet" });
}

// Draws faces: each has a `box` in pixels of the turned picture, `turned`, a `kind` (known, unknown, refused) and a
// `label`. `size` is that of the picture as it is shown.
export function draw(drawing, faces, size, isMirrored = false) {
  drawing.setAttribute("viewBox", `0 0 ${size.width} ${size.height}`);
  const unit = Math.max(size.width, size.height) / 100;
  fill(drawing, faces.map((face) => drawn(face, placed(face, size, isMirrored), size, unit)));
}

function drawn(face, box, size, unit) {
  const letters = unit * 3.4;
  const above = box.y > letters * 1.5;
  // The name goes towards the middle, where there is room for it.
  const isRight = box.x + box.width / 2 > size.width / 2;
  const text = {
    x: isRight ? Math.min(box.x + box.width, size.width) : Math.max(box.x, 0),
    "text-anchor": isRight ? "end" : "start",
    y: above ? box.y - letters * 0.45 : Math.min(box.y + box.height + letters * 1.1, size.height - letters * 0.4),
    "font-size": letters,
    "stroke-width": unit * 0.9,
  };
  const frame = { x: box.x, y: box.y, width: box.width, height: box.height, rx: unit, "stroke-width": unit * 0.6 };
  return svg("g", { class: face.kind }, svg("rect", frame), face.label ? svg("text", text, shortened(face.label)) : null);
}

function shortened(label) {
  const letters = [...label];
  return letters.length > LETTERS ? `${letters.slice(0, LETTERS - 1).join("")}…` : label;
}

// The box in pixels of the picture as it is shown, before it was turned clockwise by `turned` degrees.
export function placed({ box, turned = 0 }, { width, height }, isMirrored = false) {
  const { left, top, right, bottom } = box;
  const sides = {
    0: [left, top, right, bottom],
    90: [top, height - right, bottom, height - left],
    180: [width - right, height - bottom, width - left, height - top],
    270: [width - bottom, left, width - top, right],
  }[turned];
  const [x0, y0, x1, y1] = sides;
  return { x: isMirrored ? width - x1 : x0, y: y0, width: x1 - x0, height: y1 - y0 };
}

// A picture under a drawing.
export function framed(picture, drawing) {
  return h("div", { class: "framed" }, picture, drawing);
}
