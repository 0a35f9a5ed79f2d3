// The browser's camera: started for a view, stopped when the view is left.

import { button, fill, h, newId, working } from "./dom.js";
import { encoded } from "./pictures.js";
import { trouble } from "./notices.js";
import { overlay } from "./boxes.js";
import { words } from "./strings.js";

// The longer side of the pictures that are sent, and their quality.
const SIDE = 960;
const QUALITY = 0.9;

// A camera with its picture and buttons. `started` is told when it runs, with a signal that ends when it stops.
// `tools` stand beside the buttons while it runs.
export function camera(signal, started, tools = []) {
  const video = h("video", { playsinline: true, autoplay: true, "aria-label": words.camera.view });
  video.muted = true;
  const drawing = overlay();
  const said = h("div", {});
  const choose = h("select", { "aria-label": words.camera.choose, hidden: true });
  const mirror = h("input", { type: "checkbox", id: newId("mirror"), checked: true });
  const mirrored = h("div", { class: "tick" }, mirror, h("label", { for: mirror.id }, words.camera.mirror));
  const start = button(words.camera.start, null, { class: "main" });
  const stopping = button(words.camera.stop, () => stop(true));
  const picture = h("div", { class: "framed live", hidden: true }, video, drawing);
  const running = h("div", { class: "row", hidden: true }, tools, stopping, choose, mirrored);
  let stream = null;
  let run = null;

  const begin = async () => {
    stop();
    fill(said);
    try {
      stream = await opened(choose.value);
    } catch (error) {
      fill(said, trouble(reason(error)));
      return;
    }
    if (signal.aborted) return stop();
    run = new AbortController();
    const [track] = stream.getVideoTracks();
    track.addEventListener("ended", () => {
      stop();
      fill(said, trouble(words.camera.ended));
    });
    if (track.getSettings().facingMode === "environment") mirror.checked = false;
    flip();
    video.srcObject = stream;
    await video.play().catch(() => {});
    [picture.hidden, running.hidden, start.hidden] = [false, false, true];
    await offer(choose, track.getSettings().deviceId);
    if (run) started(run.signal);
  };
  const stop = (isAsked = false) => {
    run?.abort();
    run = null;
    stream?.getTracks().forEach((track) => track.stop());
    stream = null;
    video.srcObject = null;
    fill(drawing);
    [picture.hidden, running.hidden, start.hidden] = [true, true, false];
    if (isAsked) start.focus();
  };
  const flip = () => video.classList.toggle("mirrored", mirror.checked);
  mirror.addEventListener("change", flip);
  start.addEventListener("click", working(start, begin));
  choose.addEventListener("change", begin);
  signal.addEventListener("abort", () => stop());

  return {
    element: h("div", { class: "camera" }, said, start, picture, running),
    drawing,
    stop,
    fail: (lines) => {
      stop();
      fill(said, trouble(lines));
    },
    isMirrored: () => mirror.checked,
    still: () => still(video),
  };
}

function opened(device) {
  if (!navigator.mediaDevices?.getUserMedia) throw new Error("unsupported");
  const which = device ? { deviceId: { exact: device } } : { facingMode: "user" };
  return navigator.mediaDevices.getUserMedia({
    audio: false,
    video: { ...which, width: { ideal: 1280 }, height: { ideal: 720 } },
  });
}

// Lists the cameras where there are several.
async function offer(choose, current) {
  const devices = await navigator.mediaDevices.enumerateDevices();
  const cameras = devices.filter((device) => device.kind === "videoinput");
  const named = (device, place) => device.label || `${words.camera.choose} ${place + 1}`;
  fill(choose, cameras.map((device, place) => h("option", { value: device.deviceId }, named(device, place))));
  choose.value = current;
  choose.hidden = cameras.length < 2;
}

function reason(error) {
  if (error.message === "unsupported") return words.camera.unsupported;
  const known = {
    NotAllowedError: words.camera.denied,
    SecurityError: words.camera.denied,
    NotFoundError: words.camera.missing,
    OverconstrainedError: words.camera.missing,
    NotReadableError: words.camera.used,
    AbortError: words.camera.used,
  };
  return known[error.name] || words.camera.failed;
}

// The picture that a video shows, as a `data:` address with its size; null before the first one.
async function still(video) {
  if (video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA || video.videoWidth === 0) return null;
  const scale = Math.min(1, SIDE / Math.max(video.videoWidth, video.videoHeight));
  const [width, height] = [video.videoWidth, video.videoHeight].map((side) => Math.round(side * scale));
  const canvas = h("canvas", { width, height });
  canvas.getContext("2d").drawImage(video, 0, 0, width, height);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", QUALITY));
  return blob ? { data: await encoded(blob), width, height } : null;
}
