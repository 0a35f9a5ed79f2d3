// What a call from JavaScript costs over the same call from Rust: one engine encodes the same photos, by turns from
// either.
//
// npm run build -- --bench
// node bench/overhead.mjs PHOTO...

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Engine } from '../index.mjs';

const require = createRequire(import.meta.url);
const { call } = require('../lib/call.js');
const { handleOf } = require('../lib/engine.js');
const { photo: taken } = require('../lib/input.js');

const ROUNDS = 200;

const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
};

const photos = process.argv.slice(2).map((path) => readFileSync(path));
if (photos.length === 0) {
  console.error('usage: node bench/overhead.mjs PHOTO...');
  process.exit(2);
}
const engine = await Engine.open();
const { native } = handleOf(engine);
if (!native.secondsInRust) {
  console.error('this build has no call to compare with: npm run build -- --bench');
  process.exit(1);
}

const inRust = async (photo) => (await call((watch) => native.secondsInRust(taken(photo), watch))).value;
const inJavaScript = async (photo) => {
  const start = performance.now();
  await engine.encode(photo);
  return (performance.now() - start) / 1000;
};

for (const photo of photos) await engine.encode(photo);
const [javascript, rust, ratios] = [[], [], []];
for (let turn = 0; turn < ROUNDS; turn++) {
  const photo = photos[turn % photos.length];
  let from, to;
  if (Math.floor(turn / photos.length) % 2) {
    from = await inJavaScript(photo);
    to = await inRust(photo);
  } else {
    to = await inRust(photo);
    from = await inJavaScript(photo);
  }
  javascript.push(from);
  rust.push(to);
  ratios.push(from / to);
}
await engine.close();
const [a, b] = [javascript, rust].map((seconds) => 1000 * median(seconds));
console.log(`encode, ${photos.length} photos, ${ROUNDS} rounds: JavaScript ${a.toFixed(3)} ms, Rust ${b.toFixed(3)} ms (medians)`);
console.log(`ratio of medians ${(a / b).toFixed(4)}, median of ratios ${median(ratios).toFixed(4)}`);
