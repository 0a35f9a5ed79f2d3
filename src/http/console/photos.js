// Photos on their way into the vault: chosen, dropped or taken, with a box on the face and the reason of a refusal.

import { ask } from "./api.js";
import { draw, framed, overlay } from "./boxes.js";
import { camera } from "./camera.js";
import { button, fill, h, working } from "./dom.js";
import { open } from "./dialog.js";
import { refusals, refusedLines } from "./messages.js";
import { notify } from "./notices.js";
import { encoded, image, picker, size } from "./pictures.js";
import { bytes, words } from "./strings.js";

// A tile of a photo that is not stored yet. Its face is looked for at once, so that the box is there before it is sent.
export function tile(photo, place, discarded, signal) {
  const drawing = overlay();
  const said = h("div", { class: "said", "aria-live": "polite" });
  const discard = button(words.photos.dismiss, discarded, { class: "quiet" });
  const element = h(
    "li",
    { class: "photo" },
    framed(image(photo.data, words.photos.chosen(place)), drawing),
    said,
    h("div", { class: "row" }, discard),
  );
  let faces = [];
  let isRefused = false;
  let shownSize = null;
  const redraw = () => {
    if (!shownSize) return;
    const kind = isRefused ? "refused" : faces.length === 1 ? "known" : "unknown";
    draw(drawing, faces.map((face) => ({ ...face, kind })), shownSize);
  };
  const say = (lines, isBad) => {
    element.classList.toggle("bad", isBad);
    fill(said, lines.map((line, at) => h("p", { class: at === 0 ? "what" : "hint" }, line)));
  };
  const examine = async () => {
    [shownSize, faces] = await Promise.all([size(photo.data), found(photo.data, signal)]);
    redraw();
    if (!isRefused && faces.length === 1) say([words.photos.fits], false);
    if (!isRefused && faces.length > 1) say([words.photos.several], false);
  };
  examine();
  return {
    element,
    photo,
    waits: () => say([words.photos.saving], false),
    refuse: (refusal) => {
      isRefused = true;
      redraw();
      say([`${words.photos.refused}: ${refusedLines(refusal)[0]}.`, refusedLines(refusal)[1]], true);
    },
    clear: () => {
      isRefused = false;
      redraw();
      say([], false);
    },
  };
}

async function found(data, signal) {
  try {
    return await ask("POST", "/detect", { body: { image: data, return_landmarks: false }, signal });
  } catch {
    // What is wrong with the photo is said when it is sent.
    return [];
  }
}

// Shows at each tile why its photo was refused; true where any was.
export function refuse(tiles, failure, from = 0) {
  const refused = refusals(failure);
  for (const refusal of refused) tiles[refusal.index - from]?.refuse(refusal);
  return refused.length > 0;
}

// Ways to choose photos: from files, by dropping them, by the camera. `taken` gets each as {data, name}.
export function chooser(limits, most, taken, isFull) {
  const take = async (files) => {
    for (const file of files) {
      if (isFull()) return notify(words.photos.tooMany(most));
      if (file.size === 0) notify(words.photos.empty);
      else if (file.size > limits.image_bytes) {
        notify(words.photos.tooLarge(bytes(file.size), bytes(limits.image_bytes)));
      } else await taken({ data: await encoded(file), name: file.name }).catch(() => {});
    }
  };
  const { input, choose } = picker(words.photos.add, take, true);
  const photograph = button(words.photos.camera, async () => {
    if (isFull()) return notify(words.photos.tooMany(most));
    const data = await photographed();
    if (data) await taken({ data, name: words.photos.camera });
  });
  const element = h(
    "div",
    { class: "chooser" },
    input,
    h("div", { class: "row" }, choose, photograph),
    h("p", { class: "hint" }, words.photos.hint(most, bytes(limits.image_bytes)), " ", words.photos.dropped),
  );
  element.addEventListener("dragover", (event) => {
    event.preventDefault();
    element.classList.add("over");
  });
  element.addEventListener("dragleave", () => element.classList.remove("over"));
  element.addEventListener("drop", (event) => {
    event.preventDefault();
    element.classList.remove("over");
    take([...event.dataTransfer.files]);
  });
  return element;
}

// A photo by the camera, in a dialog; null where none was taken.
function photographed() {
  return new Promise((resolve) => {
    const leaving = new AbortController();
    let data = null;
    const take = button(words.camera.take, null, { class: "main" });
    take.addEventListener("click", working(take, async () => {
      data = (await seen.still())?.data || null;
      if (data) dialog.close();
    }));
    const seen = camera(leaving.signal, () => take.focus(), [take]);
    const cancel = button(words.cancel, () => dialog.close());
    const dialog = open(words.photos.camera, seen.element, [cancel], () => {
      leaving.abort();
      resolve(data);
    });
  });
}
