// Arguments of any type and bytes of any kind: every call is answered or rejected with a FacevaultError, never with
// another error, and the process goes on.

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { execFileSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { Engine, FacevaultError, Vault } from '../index.mjs';
import { needs, packageFolder, sample } from './data.mjs';

const options = needs('standard');
const rounds = Number(process.env.FACEVAULT_NODE_FUZZ || 3000);

// Some of the texts below are paths of vaults and backups, which are made here and not in the project.
let folder;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'facevault-fuzz-'));
  await mkdir(join(folder, 'inside'));
  process.chdir(join(folder, 'inside'));
});
after(async () => {
  process.chdir('/');
  await rm(folder, { recursive: true });
});

// Numbers from 0 to 1, the same in every run.
function numbers(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

function values(random) {
  const pick = (list) => list[Math.floor(random() * list.length)];
  const bytes = () => Uint8Array.from({ length: Math.floor(random() * 200) }, () => random() * 256);
  const value = (depth = 0) => {
    const made = pick([
      () => undefined,
      () => null,
      () => pick([true, false]),
      () => pick([0, -0, -1, 1.5, NaN, Infinity, 2 ** 53, -(2 ** 31), 1e300]),
      () => pick(['', 'x', 'a\0b', '../x', '$', '\ud800', 'é'.repeat(3000), '/dev/null', 'image_1', '{}', '[]']),
      () => pick([10n, Symbol('s'), () => {}, new Date(NaN), new Map(), new Proxy({}, {}), /x/]),
      () =>
        pick([
          bytes(),
          bytes().buffer,
          Buffer.from(bytes()),
          new DataView(new ArrayBuffer(3)),
          new SharedArrayBuffer(5),
        ]),
      () =>
        pick([new Float32Array([1, NaN]), new Float64Array(3), new Float32Array(192).fill(0.5), new BigInt64Array(2)]),
      () => ({ data: bytes(), width: pick([1, 2, -1, 1e9, 'x']), height: pick([1, 0, 3, null]) }),
      () => (depth > 3 ? {} : Array.from({ length: Math.floor(random() * 4) }, () => value(depth + 1))),
      () => (depth > 3 ? [] : object(depth + 1)),
    ]);
    return made();
  };
  const keys = ['name', 'images', 'encodings', 'signal', 'onProgress', 'limit', 'after', 'model', 'add_images', '_id'];
  keys.push('unless_known', 'people', 'operating_point', 'attributes', 'collections', 'toJSON', 'mode', 'then');
  const object = (depth) =>
    Object.fromEntries(Array.from({ length: Math.floor(random() * 5) }, () => [pick(keys), value(depth)]));
  return { pick, value };
}

const own = (type) =>
  Object.getOwnPropertyNames(type.prototype).filter((name) => !['constructor', 'close'].includes(name));
const callable = (target) => own(target.constructor).filter((name) => typeof target[name] === 'function');

async function answered(name, call) {
  try {
    const answer = await call();
    // Methods that answer one by one.
    if (answer && Symbol.asyncIterator in Object(answer)) for await (const each of answer) void each;
  } catch (error) {
    // What a caller's own objects throw while they are read is the caller's.
    assert.ok(error instanceof FacevaultError, `${name}: ${error?.stack ?? String(error)}`);
  }
}

test('calls with arguments of any type are answered or rejected with one kind of error', options, async () => {
  const random = numbers(7);
  const { pick, value } = values(random);
  const engine = await Engine.open({ threads: 1 });
  const vault = await Vault.inMemory({ engine });
  await vault.createPerson({ _id: 'x', name: 'A', images: [sample('obama')] });
  const targets = [engine, vault].map((target) => [target, callable(target)]);
  for (let i = 0; i < rounds; i++) {
    const [target, names] = pick(targets);
    const name = pick(names);
    const given = Array.from({ length: Math.floor(random() * 4) }, () => value());
    await answered(`${target.constructor.name}.${name}`, () => target[name](...given));
    const [type, open] = pick([
      [Engine, 'open'],
      [Vault, 'open'],
      [Vault, 'inMemory'],
      [Vault, 'openReadOnly'],
    ]);
    if (i % 50 === 0) {
      await answered(`${type.name}.${open}`, async () => (await type[open](value(), value())).close());
    }
  }
  assert.equal((await engine.encode(sample('obama'))).status, 'ok');
  await Promise.all([vault.close(), engine.close()]);
});

test('damaged photos are refused, or show what is left of them', options, async () => {
  const random = numbers(11);
  const engine = await Engine.open({ threads: 2 });
  const whole = await readFile(sample('obama'));
  const damaged = Array.from({ length: 24 }, () => {
    const copy = Buffer.from(whole.subarray(0, Math.ceil(random() * whole.length)));
    for (let i = 0; i < 20; i++) copy[Math.floor(random() * copy.length)] = random() * 256;
    return copy;
  });
  for (const { status } of await engine.encodeMany(damaged)) assert.ok(['ok', 'refused'].includes(status));
  await engine.close();
});

test('handles are closed while they are used', options, async () => {
  for (let round = 0; round < 10; round++) {
    const engine = await Engine.open({ threads: 2 });
    const vault = await Vault.inMemory({ engine });
    const calls = Array.from({ length: 12 }, (_, i) => [
      vault.createPerson({ name: `P${i}` }),
      vault.persons(),
      engine.detect(sample('obama')),
      ...(i === round ? [vault.close(), engine.close()] : []),
    ]).flat();
    for (const { status, reason } of await Promise.allSettled(calls)) {
      if (status === 'rejected') assert.match(reason.message, /^the (vault|engine) is closed; open another one$/);
    }
  }
});

test('a process may end in the middle of its work', options, () => {
  const code = `
    const { Engine, Vault } = require(${JSON.stringify(packageFolder)});
    (async () => {
      const engine = await Engine.open();
      const vault = await Vault.inMemory({ engine });
      for (let i = 0; i < 8; i++) engine.encode(${JSON.stringify(sample('obama'))});
      vault.createPerson({ name: 'A', images: [${JSON.stringify(sample('obama'))}] });
      setTimeout(() => process.exit(7), 15 * Number(process.argv[1]));
    })();
  `;
  for (let i = 0; i < 8; i++) {
    const exit = () => execFileSync(process.execPath, ['-e', code, String(i)], { stdio: 'pipe' });
    assert.throws(exit, (error) => error.status === 7 && error.stderr.length === 0, `round ${i}`);
  }
});
