// Photos of the test data, the film that the camera plays, and requests beside the browser.

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

// Frames of each scene; the camera shows 30 a second, from the beginning again after the end.
const FRAMES = 75;

const lfw = join(process.env.FACEVAULT_FACES, "lfw-dev");
const folders = readdirSync(lfw, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => ({ name, photos: readdirSync(join(lfw, name)).sort().map((photo) => join(lfw, name, photo)) }))
  .sort((a, b) => b.photos.length - a.photos.length || (a.name < b.name ? -1 : 1));

// Somebody with several photos, somebody who is enrolled twice, somebody whom nobody knows, others.
export const [known, twice] = folders;
export const others = folders.filter(({ photos }) => photos.length === 1).slice(0, 30);
export const [stranger, longName] = others.splice(0, 2);

const groups = join(process.env.FACEVAULT_FACES, "group", "dlib");
export const groupPhoto = join(groups, readdirSync(groups).sort()[0]);

// A film: first the known person, by another photo than the enrolled one, then the stranger. JPEGs one after another
// are a film (MJPEG).
export function film(folder) {
  const path = join(folder, "film.mjpeg");
  const scenes = [known.photos[1], stranger.photos[0]].map((photo) => readFileSync(photo));
  writeFileSync(path, Buffer.concat(scenes.flatMap((photo) => Array(FRAMES).fill(photo))));
  return path;
}

export function client(origin, token) {
  const ask = async (method, path, body) => {
    const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
    const options = { method, headers, body: body && JSON.stringify(body) };
    const answer = await fetch(`${origin}/v2/face-recognition${path}`, options);
    return { status: answer.status, ...(await answer.json()) };
  };
  const enroll = async (name, photo, more = {}) => {
    const images = [readFileSync(photo).toString("base64")];
    const answer = await ask("POST", "/persons", { name, images, ...more });
    return answer.success ? answer.data : null;
  };
  return { ask, enroll };
}
