import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { inspect } from 'node:util';

import { Engine, FacevaultError, Vault } from '../index.mjs';
import { needs, sample } from './data.mjs';

const options = needs('standard');
const photo = sample('obama');
let engine;
let bytes;

before(async () => {
  if (options.skip) return;
  engine = await Engine.open();
  bytes = await readFile(photo);
});
after(() => engine?.close());

const rejects = (promise, kind, fields = []) =>
  assert.rejects(promise, (error) => {
    assert.ok(error instanceof FacevaultError, inspect(error));
    assert.equal(error.name, 'FacevaultError');
    assert.equal(error.kind, kind, error.message);
    assert.deepEqual(
      error.violations.map(({ field }) => field),
      fields,
    );
    return true;
  });

const cosine = (a, b) => {
  const dot = (x, y) => x.reduce((sum, value, index) => sum + value * y[index], 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
};

test('an engine says what it is', options, async () => {
  assert.equal(engine.pack, 'standard');
  assert.match(engine.model, /^[0-9a-f]{32}$/);
  assert.equal((await engine.describe()).runtime.notices.constructor, Array);
  assert.equal(inspect(engine), `Engine { pack: 'standard', model: '${engine.model}' }`);
  assert.throws(() => new Engine(), TypeError);
});

test('a photo comes as a path, a URL or bytes of any kind, with the same answer', options, async () => {
  const { encoding, ...rest } = await engine.encode(photo);
  assert.ok(encoding instanceof Float32Array);
  assert.equal(encoding.length, engine.dimension);
  assert.equal(rest.status, 'ok');
  const padded = new Uint8Array(bytes.length + 7);
  padded.set(bytes, 7);
  const same = [
    pathToFileURL(photo),
    bytes,
    new Uint8Array(bytes),
    padded.subarray(7),
    bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length),
    new DataView(padded.buffer, 7),
  ];
  for (const other of same) {
    const found = await engine.encode(other);
    assert.deepEqual(found.encoding, encoding);
    assert.deepEqual(found.face, rest.face);
  }
});

test('bytes are copied as the call begins', options, async () => {
  const own = Buffer.from(bytes);
  const pending = engine.encode(own);
  own.fill(0);
  assert.deepEqual((await pending).encoding, (await engine.encode(bytes)).encoding);
});

test('a decoded picture gives what its photo gives', options, async () => {
  const picture = await engine.decode(photo);
  assert.equal(picture.data.length, picture.width * picture.height * 3);
  const [ofPhoto, ofPicture] = await Promise.all([engine.encode(photo), engine.encode(picture)]);
  assert.deepEqual(ofPicture.encoding, ofPhoto.encoding);
  assert.deepEqual(await engine.detect(picture), await engine.detect(photo));
  const [at] = await engine.encodeAt(picture, [ofPhoto.face.box]);
  assert.ok(cosine(at.encoding, ofPhoto.encoding) > 0.9);
  const { faces } = await engine.encodeFaces(picture);
  assert.ok(cosine(faces[0].encoding, ofPhoto.encoding) > 0.9);
});

test('many photos get an outcome each, in their order, with progress', options, async () => {
  const blank = { data: new Uint8Array(3 * 4), width: 2, height: 2 };
  await rejects(engine.encodeMany([blank]), 'invalid', ['photos[0]']);
  const steps = [];
  const photos = [photo, Buffer.from('no picture'), sample('biden'), bytes];
  const outcomes = await engine.encodeMany(new Set(photos), { onProgress: (step) => steps.push(step) });
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ['ok', 'refused', 'ok', 'ok'],
  );
  assert.equal(outcomes[1].code, 'undecodable_image');
  assert.deepEqual(outcomes[0].encoding, outcomes[3].encoding);
  assert.deepEqual(steps.at(-1), { what: 'encoding photos', done: 4, total: 4, unit: 'items' });
  assert.deepEqual(await engine.encodeMany([]), []);
});

test('two photos of one person are alike, and two of different people are not', options, async () => {
  const same = await engine.compare(photo, [sample('obama2'), sample('obama3')], { operating_point: { fmr: 1e-4 } });
  assert.equal(same.accepted, true);
  assert.deepEqual(same.threshold.asked, { fmr: 1e-4 });
  const other = await engine.compare(photo, sample('biden'), { operating_point: 'fmr=1e-3' });
  assert.equal(other.accepted, false);
  const [a, b] = await Promise.all([engine.probe(photo), engine.probe([sample('obama2'), sample('obama3')])]);
  const again = await engine.compareEncodings(a.encoding, Array.from(b.encoding));
  assert.ok(Math.abs(again.similarity - same.similarity) < 1e-6);
});

test('what is no photo is refused with the reason', options, async () => {
  await assert.rejects(engine.encode(Buffer.from('no picture')), (error) => {
    assert.equal(error.kind, 'refused');
    assert.match(error.message, /^image 0: undecodable_image: /);
    assert.equal(error.images[0].status, 'refused');
    return true;
  });
  await rejects(engine.encode('/no/such/photo.jpg'), 'not_found');
  await rejects(engine.encode('/'), 'invalid');
  await rejects(engine.encode('/dev/zero'), 'invalid');
});

test('a photo that is too large is refused by itself, as a path and as bytes', options, async () => {
  const small = await Engine.open({ threads: 1, rules: { decode: { max_bytes: 1000 } } });
  const one = Buffer.from('no picture');
  const outcomes = await small.encodeMany([photo, one, bytes, one]);
  assert.deepEqual(
    outcomes.map(({ code }) => code),
    ['image_too_large', 'undecodable_image', 'image_too_large', 'undecodable_image'],
  );
  assert.equal(outcomes[0].limit, 1000);
  await rejects(small.encode(photo), 'refused');
  const vault = await Vault.inMemory({ engine, limits: { max_image_bytes: 1000 } });
  const created = await vault.createPersons([{ name: 'A', images: [photo] }, { name: 'B' }]);
  assert.deepEqual(
    created.map(({ status }) => status),
    ['failed', 'ok'],
  );
  await Promise.all([vault.close(), small.close()]);
});

test('arguments of the wrong type are named', options, async () => {
  for (const wrong of [undefined, null, 7, {}, [], '', 'a\0b', Symbol('x'), () => {}, new URL('http://localhost/a')]) {
    await rejects(engine.encode(wrong), 'invalid', ['photo']);
  }
  for (const [picture, field] of [
    [{ data: new Uint8Array(11), width: 2, height: 2 }, 'picture.data'],
    [{ data: [0], width: 1, height: 1 }, 'picture.data'],
    [{ data: new Uint8Array(12), width: 2.5, height: 2 }, 'picture.width'],
    [{ data: new Uint8Array(12), width: 2, height: -2 }, 'picture.height'],
    [{ data: new Uint8Array(12), width: 2 ** 32, height: 2 }, 'picture.width'],
  ]) {
    await rejects(engine.detect(picture), 'invalid', [field]);
  }
  await rejects(engine.encodeMany('abc'), 'invalid', ['photos']);
  await rejects(engine.encodeMany([photo, 5]), 'invalid', ['photos[1]']);
  await rejects(engine.compare(photo, []), 'invalid', ['gallery']);
  await rejects(engine.compare(photo, photo, { operating_point: 'x=1', nonsense: 1 }), 'invalid', [
    'operating_point',
    'nonsense',
  ]);
  await rejects(engine.compareEncodings(new Float32Array(3), 'abc'), 'invalid', ['gallery']);
  await rejects(engine.encodeAt(photo, [{ top: 1 }]), 'invalid', ['boxes']);
  await rejects(engine.encode(photo, { signal: {} }), 'invalid', ['signal']);
  await rejects(engine.encode(photo, { onProgress: 1 }), 'invalid', ['onProgress']);
  await rejects(engine.call('no_such_verb'), 'invalid', ['verb']);
  await rejects(engine.call('describe', '{'), 'invalid', ['body']);
  const detached = new Uint8Array(bytes);
  structuredClone(detached.buffer, { transfer: [detached.buffer] });
  await rejects(engine.encode(detached), 'refused');
});

test('an engine that cannot be opened says why', async () => {
  await rejects(Engine.open({ pack: 'no-such-pack' }), 'not_found');
  await rejects(Engine.open({ threads: -1, nonsense: 1 }), 'invalid', ['threads', 'nonsense']);
  await rejects(Engine.open({ data_dir: 5 }), 'invalid', ['data_dir']);
  await rejects(Engine.open(5), 'invalid', ['options']);
});
