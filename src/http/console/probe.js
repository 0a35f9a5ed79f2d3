// Whom does a picture show? The two ways to give that picture, for the views that answer the question: a photo from a
// file, and the camera, again and again.

import { pause, within } from "./api.js";
import { draw, framed, overlay } from "./boxes.js";
import { camera } from "./camera.js";
import { fill, h } from "./dom.js";
import { explain } from "./messages.js";
import { readOut, trouble, waiting } from "./notices.js";
import { encoded, image, picker, size } from "./pictures.js";
import { atOnce } from "./scores.js";
import { words } from "./strings.js";

// How long to wait for the camera's next picture, in milliseconds.
const NO_PICTURE = 100;

// A panel for a photo from a file. `look(data, boxes, running)` gives what stands below the photo; `boxes` draws faces
// on it. Where another photo is chosen meanwhile, `running` ends and only the last photo is shown.
export function byFile(signal, look) {
  const results = h("div", { "aria-live": "polite" });
  let last = within(signal);
  const chosen = async ([file]) => {
    last.abort();
    last = within(signal);
    const running = last.signal;
    const show = (...shown) => running.aborted || fill(results, shown);
    const drawing = overlay();
    let photo = null;
    show(waiting());
    try {
      const data = await encoded(file);
      photo = framed(image(data, words.identify.file), drawing);
      const measured = size(data);
      const boxes = async (faces) => {
        const seen = await measured;
        if (seen) draw(drawing, faces, seen);
      };
      show(photo, await look(data, boxes, running));
    } catch (failure) {
      show(photo, trouble(explain(failure)));
    }
  };
  const { input, choose } = picker(words.identify.choose, chosen);
  return h("section", { class: "panel" }, h("h2", {}, words.identify.file), input, h("div", { class: "row" }, choose), results);
}

// A panel for the camera. While it runs, `look(data, boxes, running)` is called with one picture after another and
// gives `{text, kind}`: what is said of the picture, and the class of that paragraph.
export function byCamera(signal, look) {
  const said = h("div", {});
  const pace = h("p", { class: "hint" });
  const started = async (running) => {
    const rate = atOnce();
    let last = "";
    const once = async () => {
      const seen = document.hidden ? null : await eye.still();
      if (!seen) return pause(NO_PICTURE, running);
      const boxes = (faces) => running.aborted || draw(eye.drawing, faces, seen, eye.isMirrored());
      const { text, kind } = await look(seen.data, boxes, running);
      if (running.aborted) return;
      if (text !== last) readOut(text);
      last = text;
      fill(said, h("p", { class: kind }, text));
      fill(pace, words.camera.pace(rate()));
    };
    try {
      await repeated(once, running);
    } catch (failure) {
      if (!running.aborted) eye.fail(explain(failure));
    }
    fill(said);
    fill(pace);
  };
  const eye = camera(signal, started);
  return h("section", { class: "panel" }, h("h2", {}, words.identify.live), eye.element, said, pace);
}

// Calls `once` until `running` ends; where the server is busy, after the pause that it asks for.
async function repeated(once, running) {
  while (!running.aborted) {
    try {
      await once();
    } catch (failure) {
      if (failure.status !== 503 || !failure.retryAfter) throw failure;
      await pause(failure.retryAfter * 1000, running);
    }
  }
}
