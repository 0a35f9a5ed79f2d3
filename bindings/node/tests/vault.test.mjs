import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { inspect } from 'node:util';

import { Engine, FacevaultError, Vault } from '../index.mjs';
import { needs, sample } from './data.mjs';

const options = needs('standard');
let engine;
let folder;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'facevault-node-'));
  if (!options.skip) engine = await Engine.open();
});
after(async () => {
  await engine?.close();
  await rm(folder, { recursive: true });
});

const rejects = (promise, kind, fields) =>
  assert.rejects(promise, (error) => {
    assert.ok(error instanceof FacevaultError, inspect(error));
    assert.equal(error.kind, kind, error.message);
    if (fields)
      assert.deepEqual(
        error.violations.map(({ field }) => field),
        fields,
      );
    return true;
  });

test('a person is enrolled, changed in part, recognised and removed', options, async () => {
  const path = join(folder, 'people.vault');
  const vault = await Vault.create(path, { engine, client: 'shop' });
  const ada = await vault.createPerson({
    name: 'Ada',
    images: [sample('obama')],
    notes: 'x',
    attributes: { badge: '4711' },
    date_of_birth: { year: 1815, month: 12, day: 10 },
    gender: undefined,
  });
  assert.equal(ada.image_count, 1);
  assert.equal(ada.client, 'shop');
  assert.deepEqual(ada.date_of_birth, { year: 1815, month: 12, day: 10 });

  const renamed = await vault.updatePerson(ada._id, { name: 'Ada Lovelace', notes: null });
  assert.equal(renamed.name, 'Ada Lovelace');
  assert.equal(renamed.notes, null);
  assert.deepEqual(renamed.attributes, { badge: '4711' });
  assert.deepEqual(renamed.images, ada.images);

  const added = await vault.updatePerson(ada._id, { add_images: [pathToFileURL(sample('obama2'))] });
  assert.equal(added.images[0]._id, ada.images[0]._id);
  const kept = await vault.updatePerson(ada._id, { remove_images: [ada.images[0]._id], expected_version: 3 });
  assert.deepEqual(kept.images, added.images.slice(1));
  await rejects(vault.updatePerson(ada._id, { name: 'B', expected_version: 3 }), 'conflict');

  const { candidates } = await vault.identify(sample('obama3'));
  assert.equal(candidates[0].name, 'Ada Lovelace');
  assert.deepEqual((await vault.identify([sample('biden')])).candidates, []);
  const [face] = await vault.identifyFaces(sample('obama3'));
  assert.equal(face.candidates[0].person, ada._id);
  assert.equal((await vault.verify(ada._id, sample('obama3'))).accepted, true);
  assert.equal((await vault.verify(ada._id, sample('biden'), { operating_point: { fmr: 1e-4 } })).accepted, false);

  const photo = await vault.photo(ada._id, kept.images[0]._id);
  assert.ok(Buffer.isBuffer(photo));
  assert.deepEqual(photo, await readFile(sample('obama2')));
  assert.deepEqual([...(await vault.thumbnail(ada._id, kept.images[0]._id)).subarray(0, 2)], [0xff, 0xd8]);

  const whole = await vault.person(ada._id, { encodings: true });
  const { encoding } = await engine.encode(sample('obama2'));
  assert.deepEqual(whole.images[0].encoding, encoding);
  const matrix = await vault.encodings();
  assert.deepEqual(matrix.rows, [{ person: ada._id, image: kept.images[0]._id }]);
  assert.deepEqual(matrix.data, encoding);
  const [found] = await vault.identifyEncodings([encoding]);
  assert.equal(found.candidates[0].person, ada._id);
  assert.equal((await vault.verifyEncoding(ada._id, encoding)).similarity, 1);

  assert.deepEqual(Object.keys(await vault.removePerson(ada._id)).sort(), ['erasure', 'receipt']);
  await rejects(vault.person(ada._id), 'not_found');
  await vault.close();
  const again = await Vault.open(pathToFileURL(path), { client: 'shop' });
  assert.equal((await again.persons()).total, 0);
  assert.equal((await again.check()).clean, true);
  await again.close();
});

test('a photo that is refused changes nothing and says why', options, async () => {
  const vault = await Vault.inMemory({ engine });
  const ada = await vault.createPerson({ name: 'Ada', images: [sample('obama')] });
  const update = vault.updatePerson(ada._id, { name: 'B', images: [sample('obama2'), Buffer.from('no picture')] });
  await assert.rejects(update, (error) => {
    assert.equal(error.kind, 'refused');
    assert.deepEqual(
      error.images.map(({ status }) => status),
      ['ok', 'refused'],
    );
    return true;
  });
  assert.deepEqual(await vault.person(ada._id), ada);
  assert.deepEqual((await vault.updatePerson(ada._id, { images: [] })).images, []);
  await vault.close();
});

test('a person whom the vault has is refused, and the error names that person', options, async () => {
  const vault = await Vault.inMemory({ engine });
  const ada = await vault.createPerson({ name: 'Ada', images: [sample('obama')] });
  const twice = { name: 'B', images: [sample('obama2')], unless_known: { face: { fmr: 1e-3 } } };
  await assert.rejects(vault.createPerson(twice), (error) => {
    assert.equal(error.kind, 'already_exists');
    assert.equal(error.duplicate.person, ada._id);
    assert.equal(error.duplicate.reason, 'face');
    return true;
  });
  const steps = [];
  const outcomes = await vault.createPersons(
    [{ name: 'C', images: [sample('biden')] }, { name: 'D', images: [Buffer.from('x')] }, { name: '' }],
    { onProgress: (step) => steps.push(step) },
  );
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ['ok', 'failed', 'failed'],
  );
  assert.equal(outcomes[1].error.kind, 'refused');
  assert.ok(outcomes[2].error instanceof FacevaultError && outcomes[2].error.kind === 'invalid');
  assert.equal(steps.at(-1).done, steps.at(-1).total);
  assert.deepEqual((await vault.duplicates()).pairs, []);
  await vault.close();
});

test('encodings are given instead of photos', options, async () => {
  const path = join(folder, 'encodings.vault');
  const { encoding } = await engine.encode(sample('obama'));
  const opposite = encoding.map((component) => -component);
  const vault = await Vault.create(path, { engine });
  const ada = await vault.createPerson({ name: 'Ada', encodings: [encoding] });
  await vault.createPerson({ name: 'B', encodings: [Array.from(opposite)], model: engine.model });
  await vault.updatePerson(ada._id, { add_encodings: [encoding.map((component) => component * 2)] });
  await vault.close();
  // What is there is searched without an engine.
  const reader = await Vault.open(path);
  const [found] = await reader.identifyEncodings([encoding], { operating_point: { similarity: 0.9 } });
  assert.deepEqual(
    found.candidates.map(({ person }) => person),
    [ada._id],
  );
  await rejects(reader.identifyEncodings([['x']]), 'invalid', ['encodings[0]']);
  await rejects(reader.identifyEncodings([[1, 2]], { operating_point: 'similarity=0.9' }), 'invalid');
  await rejects(reader.identify(sample('obama')), 'model_unavailable');
  assert.equal((await reader.updatePerson(ada._id, { encodings: [] })).image_count, 0);
  await reader.close();
});

test('everybody is listed, page by page', async () => {
  const vault = await Vault.inMemory();
  for (let i = 0; i < 7; i++) await vault.createPerson({ name: `P${i}`, _id: `p${i}` });
  const ids = [];
  for await (const person of vault.eachPerson({ limit: 3 })) ids.push(person._id);
  assert.deepEqual(ids.sort(), ['p0', 'p1', 'p2', 'p3', 'p4', 'p5', 'p6']);
  assert.equal((await vault.persons({ limit: 2, page: 2 })).persons.length, 2);
  await vault.close();
});

test('broken rules are named and nothing changes', async () => {
  const vault = await Vault.inMemory();
  const ada = await vault.createPerson({ name: 'Ada' });
  await rejects(vault.createPerson({ shoe_size: 43 }), 'invalid', ['name', 'shoe_size']);
  await rejects(vault.createPerson(null), 'invalid', ['person']);
  await rejects(vault.createPerson({ name: 'B', images: null }), 'invalid', ['images']);
  await rejects(vault.createPerson({ name: 1n }), 'invalid', ['request']);
  await rejects(vault.updatePerson(ada._id, { name: null, gender: 'X' }), 'invalid', ['gender', 'name']);
  await rejects(vault.updatePerson(ada._id, { images: [], add_images: [] }), 'invalid', ['add_images']);
  await rejects(vault.updatePerson(ada._id, { images: 'a.jpg' }), 'invalid', ['images']);
  await rejects(vault.updatePerson(5, {}), 'invalid', ['id']);
  await rejects(vault.persons({ limit: 'x' }), 'invalid', ['limit']);
  await rejects(vault.photo(ada._id), 'invalid', ['image']);
  assert.deepEqual(await vault.person(ada._id), ada);
  assert.doesNotMatch(inspect(vault), /Ada/);
  await vault.close();
});

test('what is no option of a call is refused instead of passed over', async () => {
  const vault = await Vault.inMemory();
  const ada = await vault.createPerson({ name: 'Ada' });
  await rejects(vault.updatePerson(ada._id, { name: 'B' }, { expected_version: 99 }), 'invalid', ['expected_version']);
  await rejects(vault.createPerson({ name: 'B' }, { unless_known: { name_and_birth: true } }), 'invalid', [
    'unless_known',
  ]);
  await rejects(vault.createCollection({ name: 'C' }, { description: 'x' }), 'invalid', ['description']);
  await rejects(vault.changes(0, { limit: 1 }), 'invalid', ['limit']);
  await rejects(vault.photo(ada._id, 'x', { size: 1 }), 'invalid', ['size']);
  await rejects(vault.call('persons', {}, { limit: 1 }), 'invalid', ['limit']);
  await rejects(vault.updatePerson(ada._id, { name: 'B' }, []), 'invalid', ['options']);
  assert.deepEqual((await vault.persons()).persons, [await vault.person(ada._id, { summary: true })]);
  const updated = await vault.updatePerson(ada._id, { name: 'B' }, { signal: undefined, other: undefined });
  assert.equal(updated.name, 'B');
  await vault.close();
});

test('a day is given as a day, not as a moment', async () => {
  const vault = await Vault.inMemory();
  const date_of_birth = new Date(1990, 0, 31);
  await rejects(vault.createPerson({ name: 'Ada', date_of_birth }), 'invalid', ['date_of_birth']);
  const [outcome] = await vault.createPersons([{ name: 'Ada', date_of_birth: '1990-01-31' }]);
  assert.deepEqual(outcome.person.date_of_birth, { year: 1990, month: 1, day: 31 });
  await rejects(vault.updatePerson(outcome.person._id, { date_of_birth }), 'invalid', ['date_of_birth']);
  await rejects(vault.persons({ date_of_birth }), 'invalid', ['date_of_birth']);
  const expires_at = new Date(Date.UTC(2100, 0, 1));
  assert.equal(Date.parse((await vault.createPerson({ name: 'B', expires_at })).expires_at), expires_at.getTime());
  await vault.close();
});

test('an error in JSON has its kind and message', async () => {
  const error = await Vault.open(join(folder, 'none.vault')).catch((caught) => caught);
  const { kind, message, name } = JSON.parse(JSON.stringify(error));
  assert.deepEqual([kind, message, name], ['not_found', error.message, 'FacevaultError']);
});

test('vaults that cannot be opened say why', async () => {
  await rejects(Vault.open(join(folder, 'none.vault')), 'not_found');
  await rejects(Vault.open(5), 'invalid', ['path']);
  await rejects(Vault.open('a\0b'), 'invalid', ['path']);
  await rejects(Vault.inMemory({ engine: {} }), 'invalid', ['engine']);
  const path = join(folder, 'twice.vault');
  const vault = await Vault.openOrCreate(path);
  await rejects(Vault.create(path), 'already_exists');
  const reader = await Vault.openReadOnly(path);
  assert.equal(reader.readOnly, true);
  await assert.rejects(reader.createPerson({ name: 'A' }), FacevaultError);
  const other = await vault.as({ client: 'other', add_client: true });
  await other.createPerson({ name: 'A' });
  assert.equal((await vault.persons()).total, 0);
  const copy = join(folder, 'copy.vault');
  await vault.backup(copy);
  await rejects(vault.backup(copy), 'already_exists');
  await Promise.all([vault, reader, other].map((open) => open.close()));
});
