// The tarball, installed into a clean folder, runs the code of docs/node.md there.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';

import { needs, packageFolder, root, sample } from './data.mjs';

const options = needs('standard');
if (process.platform !== 'linux' || process.arch !== 'x64') options.skip = 'the tarball holds a binary for Linux x64';

let folder;

const run = (program, args, cwd, env = process.env) =>
  execFileSync(program, args, { cwd, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

before(() => {
  if (options.skip) return;
  folder = mkdtempSync(join(tmpdir(), 'facevault-package-'));
  const [{ filename, files }] = JSON.parse(run('npm', ['pack', '--json', '--pack-destination', folder], packageFolder));
  const names = files.map(({ path }) => path).sort();
  for (const name of [
    'LICENSE',
    'LICENSE-THIRD-PARTY',
    'README.md',
    'facevault.linux-x64.node',
    'index.d.mts',
    'index.d.ts',
    'index.js',
    'index.mjs',
  ]) {
    assert.ok(names.includes(name), `${name} is not in the tarball`);
  }
  const strange = names.filter((name) => /^(src|tests|scripts|node_modules)\//.test(name));
  assert.deepEqual(strange, []);
  writeFileSync(join(folder, 'package.json'), '{"private": true}');
  run('npm', ['install', '--offline', '--no-audit', '--no-fund', `./${filename}`], folder);
  const photos = { 'ada.jpg': 'obama', 'ada-2.jpg': 'obama2', 'door.jpg': 'obama3', 'stranger.jpg': 'biden' };
  for (const [name, from] of Object.entries(photos)) copyFileSync(sample(from), join(folder, name));
  // A picture of nothing: one grey pixel.
  const grey = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg==';
  writeFileSync(join(folder, 'blank.png'), Buffer.from(grey, 'base64'));
});
after(() => folder && rmSync(folder, { recursive: true }));

// Nothing of Rust is on the path there.
const bare = { ...process.env, PATH: [dirname(process.execPath), '/usr/bin', '/bin'].join(':') };

function runs(name, code) {
  const file = join(folder, name);
  writeFileSync(file, code);
  return run(process.execPath, [file], folder, bare);
}

const document = readFileSync(join(root, 'docs', 'node.md'), 'utf8');
const [tour, encodings, errors, cancellation, ...others] = [...document.matchAll(/^```js\n([^]*?)^```/gm)].map(
  ([, code]) => code,
);

test('the tour recognises who was enrolled and nobody else', options, () => {
  assert.deepEqual(others, [], 'docs/node.md has code that no test runs');
  const said = runs('tour.mjs', tour);
  assert.equal(said, 'Ada Lovelace, version 2\ndoor.jpg: Ada Lovelace\nstranger.jpg: unknown\n');
});

test('the code on encodings, errors and cancellation does what it says', options, () => {
  assert.equal(
    runs('encodings.mjs', encodings),
    "Float32Array true true true\n1 face\n[ 192, 192, 'undecodable_image' ]\ntrue\n",
  );
  const [first, second] = runs('errors.mjs', errors).split('\n');
  assert.equal(first, '0 ok');
  assert.match(second, /^1 no_face_detected: /);
  assert.equal(runs('cancellation.mjs', cancellation), 'cancelled enough of 500\n');
});

test('CommonJS works there too', options, () => {
  const code =
    "const { Vault } = require('facevault'); Vault.inMemory().then((vault) => vault.close()).then(() => console.log('closed'));";
  assert.equal(runs('vault.cjs', code), 'closed\n');
});

test('a system without a binary is told what to do', options, () => {
  const code = `
    Object.defineProperty(process, 'arch', { value: 'mips' });
    try { require('facevault'); } catch (error) { console.log(error.name, error.kind, error.message); }
  `;
  assert.match(
    runs('other.cjs', code),
    /^FacevaultError unsupported this package has no facevault\.linux-mips\.node; .*npm run build/,
  );
});
