import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Worker } from 'node:worker_threads';

import { Engine, FacevaultError, Vault } from '../index.mjs';
import { needs, packageFolder, sample } from './data.mjs';

const options = needs('standard');
const photo = sample('obama');

const isCancelled = (reason) => (error) => {
  assert.ok(error instanceof FacevaultError);
  assert.equal(error.kind, 'cancelled');
  assert.equal(error.cause, reason);
  return true;
};

test("many calls leave the event loop and libuv's threads free", options, async () => {
  const engine = await Engine.open();
  const started = performance.now();
  await engine.encode(photo);
  const once = performance.now() - started;
  let done = 0;
  const calls = Array.from({ length: 40 }, () => engine.encode(photo).then(() => done++));
  let ticks = 0;
  const timer = setInterval(() => ticks++, 5);
  // More reads than libuv has threads: none may wait for the encodings.
  await Promise.all(Array.from({ length: 16 }, () => readFile(photo)));
  assert.ok(done < 20, `${done} of 40 encodings were done before 16 files were read`);
  await Promise.all(calls);
  clearInterval(timer);
  assert.ok(ticks > 3, `the timer of 5 ms ran ${ticks} times while 40 photos of ${once.toFixed()} ms were encoded`);
  await engine.close();
});

test('small calls do not wait for photos', options, async () => {
  const engine = await Engine.open({ threads: 1 });
  const vault = await Vault.inMemory({ engine });
  const { encoding } = await engine.encode(photo);
  await vault.createPerson({ _id: 'a', name: 'A', encodings: [encoding] });
  let done = 0;
  const calls = Array.from({ length: 10 }, () => vault.identify(photo).then(() => done++));
  calls.push(engine.encodeMany(Array.from({ length: 10 }, () => photo)).then(() => (done += 10)));
  await Promise.all([
    vault.person('a'),
    vault.identifyEncodings([encoding]),
    engine.compareEncodings(encoding, encoding),
  ]);
  assert.ok(done < 10, `${done} of 20 photos were done before three calls without photos`);
  await Promise.all(calls);
  await Promise.all([vault.close(), engine.close()]);
});

test('an aborted call that waits is rejected at once, with the reason', options, async () => {
  const engine = await Engine.open({ threads: 1 });
  const controller = new AbortController();
  const first = engine.encode(photo);
  const waiting = Array.from({ length: 20 }, () => engine.encode(photo, { signal: controller.signal }));
  const reason = new Error('enough');
  controller.abort(reason);
  const outcomes = await Promise.allSettled(waiting);
  for (const { status, reason: error } of outcomes) {
    assert.equal(status, 'rejected');
    assert.ok(isCancelled(reason)(error));
  }
  assert.equal((await first).status, 'ok');
  await assert.rejects(engine.encode(photo, { signal: controller.signal }), isCancelled(reason));
  await assert.rejects(engine.encode(photo, { signal: AbortSignal.abort() }), { kind: 'cancelled' });
  await engine.close();
});

test('long work ends when it is aborted, or when onProgress throws', options, async () => {
  const engine = await Engine.open();
  const photos = Array.from({ length: 60 }, () => photo);
  const controller = new AbortController();
  let steps = 0;
  const reason = new Error('enough');
  const onProgress = () => {
    if (++steps === 2) controller.abort(reason);
  };
  const work = engine.encodeMany(photos, { signal: controller.signal, onProgress });
  await assert.rejects(work, isCancelled(reason));
  const thrown = new RangeError('no more');
  const failing = engine.encodeMany(photos, {
    onProgress: () => {
      throw thrown;
    },
  });
  await assert.rejects(failing, thrown);
  const before = (await engine.describe()).encoded;
  assert.ok(before < 60, `${before} of 120 photos were encoded`);
  await engine.close();
});

test('an async onProgress that fails ends the call with its error', options, async () => {
  const engine = await Engine.open();
  const thrown = new RangeError('no more');
  const onProgress = async () => {
    throw thrown;
  };
  await assert.rejects(engine.encodeMany([photo, photo, photo], { onProgress }), thrown);
  const waits = { onProgress: async () => {} };
  assert.equal((await engine.encodeMany([photo], waits))[0].status, 'ok');
  await engine.close();
});

test('closing waits for calls that were made, and refuses later ones', options, async () => {
  const engine = await Engine.open();
  const vault = await Vault.inMemory({ engine });
  const calls = [engine.encode(photo), engine.encode(photo), engine.encode(photo)];
  const adding = vault.createPerson({ name: 'A', images: [photo] });
  let settled = 0;
  calls.forEach((call) => call.then(() => settled++));
  await engine.close();
  assert.equal(settled, 3);
  await assert.rejects(engine.encode(photo), { kind: 'invalid', message: 'the engine is closed; open another one' });
  await assert.rejects(Vault.inMemory({ engine }), { kind: 'invalid' });
  assert.equal((await adding).image_count, 1);
  assert.equal((await vault.identify(photo)).candidates.length, 1, 'a vault keeps its engine');
  await Promise.all([vault.close(), vault.close(), engine.close()]);
  await assert.rejects(vault.persons(), { kind: 'invalid', message: 'the vault is closed; open another one' });
});

test('using closes', { skip: !Symbol.dispose && 'this Node.js has no Symbol.dispose' }, async () => {
  const vault = await Vault.inMemory();
  const pending = vault.createPerson({ name: 'A' });
  vault[Symbol.dispose]();
  assert.equal((await pending).name, 'A');
  await assert.rejects(vault.persons(), { kind: 'invalid' });
  const other = await Vault.inMemory();
  await other[Symbol.asyncDispose]();
  await assert.rejects(other.persons(), { kind: 'invalid' });
});

test('worker threads have engines of their own and may end at any time', options, async () => {
  const code = `
    const { parentPort, workerData } = require('node:worker_threads');
    const { Engine } = require(workerData.folder);
    (async () => {
      const engine = await Engine.open({ threads: 1 });
      const { encoding } = await engine.encode(workerData.photo);
      parentPort.postMessage(encoding);
      if (workerData.goOn) for (;;) await engine.encodeMany([workerData.photo, workerData.photo], { onProgress() {} });
      await engine.close();
    })();
  `;
  const engine = await Engine.open();
  const { encoding } = await engine.encode(photo);
  const workers = [false, true].map(
    (goOn) => new Worker(code, { eval: true, workerData: { folder: packageFolder, photo, goOn } }),
  );
  const exits = workers.map((worker) => new Promise((resolve) => worker.once('exit', resolve)));
  const answers = workers.map(
    (worker) => new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject)),
  );
  for (const answer of await Promise.all(answers)) assert.deepEqual(answer, encoding);
  assert.equal(await exits[0], 0);
  // In the middle of its work.
  await workers[1].terminate();
  assert.deepEqual((await engine.encode(photo)).encoding, encoding);
  await engine.close();
});

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc');

// Memory in use, without the garbage of what was closed.
async function memory() {
  for (let i = 0; i < 3; i++) {
    collectGarbage();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return process.memoryUsage().rss / 2 ** 20;
}

// How much more the second half of the rounds holds than the first. What is compared is the least at several looks: how
// much of what was freed lies in pages that something else still needs varies by tens of MiB.
async function staysFlat(times, round) {
  const looks = 15;
  const least = async () => {
    let found = Infinity;
    for (let look = 0; look < looks; look++) {
      for (let i = 0; i < times / 2 / looks; i++) await round();
      found = Math.min(found, await memory());
    }
    return found;
  };
  const before = await least();
  return { before, grown: (await least()) - before };
}

test('a thousand vaults are opened and closed with flat memory', options, async (t) => {
  const engine = await Engine.open();
  const encodings = [(await engine.encode(photo)).encoding];
  const { before, grown } = await staysFlat(1000, async () => {
    const vault = await Vault.inMemory({ engine });
    await vault.createPerson({ name: 'A', encodings });
    await vault.identifyEncodings(encodings);
    await vault.close();
  });
  t.diagnostic(`1000 vaults: ${before.toFixed(1)} MiB in the first half, ${grown.toFixed(1)} MiB more in the second`);
  assert.ok(grown < 16, `${grown.toFixed(1)} MiB more`);
  await engine.close();
});

// A thousand take more than a minute: FACEVAULT_NODE_OPENS=1000.
const engines = Number(process.env.FACEVAULT_NODE_OPENS || 90);
test(`${engines} engines are opened and closed with flat memory`, options, async (t) => {
  const { before, grown } = await staysFlat(engines, async () => {
    const engine = await Engine.open({ threads: 1 });
    await engine.encode(photo);
    await engine.close();
  });
  t.diagnostic(`${engines} engines: ${before.toFixed(1)} MiB in the first half, ${grown.toFixed(1)} MiB more in the second`);
  // An engine that was kept would add the 12 MB of its networks each time.
  assert.ok(grown < 64, `${grown.toFixed(1)} MiB more`);
});
