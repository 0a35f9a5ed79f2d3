import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { inspect } from 'node:util';

import { FacevaultError, Vault, hasEncryption, rekey } from '../index.mjs';

let folder;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'facevault-node-'));
});
after(() => rm(folder, { recursive: true }));

const key = randomBytes(32);
const passphrase = 'correct horse battery';

// What is shown of an error has neither key nor passphrase.
const rejects = (promise, kind, fields = []) =>
  assert.rejects(promise, (error) => {
    assert.ok(error instanceof FacevaultError, inspect(error));
    assert.equal(error.kind, kind, error.message);
    assert.deepEqual(
      error.violations.map(({ field }) => field),
      fields,
    );
    const shown = `${inspect(error, { depth: 9 })} ${error.stack} ${JSON.stringify(error)}`;
    assert.doesNotMatch(shown, new RegExp(`${key.toString('hex')}|${passphrase}|too short`));
    return true;
  });

test('a key that is none is refused', async () => {
  const path = join(folder, 'wrong.vault');
  for (const wrong of ['x', 7, new Uint8Array(31), Buffer.alloc(33)]) {
    await rejects(Vault.create(path, { key: wrong }), 'invalid', ['key']);
    await rejects(rekey(path, { to: { key: wrong } }), 'invalid', ['to.key']);
  }
  await rejects(Vault.create(path, { passphrase: 7 }), 'invalid', ['passphrase']);
  await rejects(rekey(path, { to: 'x' }), 'invalid', ['to']);
  await rejects(rekey(path, {}), 'invalid', ['to']);
  await rejects(rekey(path, { to: { key }, new: 1 }), 'invalid', ['new']);
});

test('without encryption a key is an error of its own', { skip: hasEncryption && 'this build has it' }, async () => {
  const path = join(folder, 'plain.vault');
  await rejects(Vault.create(path, { key }), 'unsupported');
  await rejects(Vault.openOrCreate(path, { passphrase }), 'unsupported');
  await rejects(rekey(path, { from: { key }, to: { passphrase } }), 'unsupported');
  const vault = await Vault.create(path, { key: undefined, passphrase: null });
  await vault.close();
});

test('a vault is encrypted and opens with its key alone', { skip: !hasEncryption && 'this build has none' }, async () => {
  const path = join(folder, 'secret.vault');
  const vault = await Vault.create(path, { key });
  await vault.createPerson({ name: 'Zebedee', _id: 'z' });
  await vault.close();
  assert.ok(!inspect(vault, { showHidden: true, depth: 9 }).includes(key.toString('hex')));
  const bytes = await readFile(path);
  assert.ok(!bytes.includes('Zebedee') && !bytes.includes('SQLite format'));
  await rejects(Vault.open(path), 'key');
  await rejects(Vault.open(path, { key: randomBytes(32) }), 'key');
  await rejects(Vault.open(path, { passphrase: 'too short' }), 'invalid', ['passphrase']);
  await rejects(Vault.open(path, { key, passphrase }), 'invalid', ['passphrase']);
  await rejects(Vault.inMemory({ key }), 'invalid', ['key']);

  const name = async (options) => {
    const opened = await Vault.open(path, options);
    const person = await opened.person('z');
    await opened.close();
    return person.name;
  };
  assert.equal(await name({ key }), 'Zebedee');
  assert.equal(await rekey(path, { from: { key }, to: { passphrase } }), true);
  assert.equal(await rekey(path, { from: { key }, to: { passphrase } }), false);
  await rejects(Vault.open(path, { key }), 'key');
  assert.equal(await name({ passphrase }), 'Zebedee');
  assert.equal(await rekey(path, { from: { passphrase } }), true);
  assert.equal(await name({}), 'Zebedee');
  await rejects(Vault.open(path, { key }), 'key');
  const open = await Vault.open(path);
  await rejects(rekey(path, { to: { key } }), 'busy');
  await open.close();
  const steps = [];
  assert.equal(await rekey(path, { to: { key }, onProgress: (step) => steps.push(step) }), true);
  assert.ok(steps.length > 0);
  assert.equal(await name({ key }), 'Zebedee');
});
