'use strict';

// Detects faces and computes face encodings.

const { inspect } = require('node:util');
const { call } = require('./call.js');
const { FacevaultError } = require('./error.js');
const { Handle, disposable } = require('./handle.js');
const input = require('./input.js');
const { exit, native } = require('./native.js');
const { fromVector, withVector } = require('./vectors.js');

// Photos that are read and encoded before the next ones are begun, for each thread.
const BATCH = 32;

const secret = Symbol('opened by Engine.open');
let handleOf;

class Engine {
  #handle;
  #about;

  static {
    handleOf = (engine) => (typeof engine === 'object' && engine !== null && #handle in engine ? engine.#handle : null);
  }

  constructor(key, handle, about) {
    if (key !== secret) throw new TypeError('an engine is opened with `await Engine.open()`');
    this.#handle = handle;
    this.#about = about;
  }

  static async open(options) {
    const [request, callOptions] = input.split(options);
    for (const field of ['data_dir', 'runtime_library']) {
      if (request[field] !== undefined) request[field] = input.path(request[field], field);
    }
    for (const field of ['pack', 'liveness_models']) {
      if (typeof request[field] === 'object') request[field] = input.path(request[field], field);
    }
    const opened = new native.NativeEngine(exit);
    const text = input.json(request, 'options');
    const { value } = await call((watch) => opened.open(text, watch), callOptions);
    return new Engine(secret, new Handle(opened), value);
  }

  get pack() {
    return this.#about.pack;
  }

  get model() {
    return this.#about.model;
  }

  get dimension() {
    return this.#about.dimension;
  }

  get metric() {
    return this.#about.metric;
  }

  get mode() {
    return this.#about.mode;
  }

  get threads() {
    return this.#about.threads;
  }

  describe(options) {
    return this.#handle.json('describe', {}, options);
  }

  async detect(photo, options) {
    return this.#look('detect', photo, {}, options);
  }

  async decode(photo, options) {
    const taken = input.photo(photo);
    const { value, bytes } = await this.#handle.run((watch) => this.#handle.native.decode(taken, watch), options);
    return { data: bytes, width: value.width, height: value.height };
  }

  async encode(photo, options) {
    const { value, floats } = await this.#handle.run(this.#encoding(photo), options);
    return encodedOrRefused(value, floats);
  }

  async encodeMany(photos, options = {}) {
    const taken = input.photos(photos);
    const { onProgress } = input.callOptions(options);
    const size = BATCH * this.threads;
    const outcomes = [];
    // Batches bound the memory for photos and for JSON, however many photos there are.
    for (let start = 0; start < taken.length; start += size) {
      const step = (part) => onProgress({ ...part, done: start + part.done, total: taken.length });
      const own = { ...options, onProgress: onProgress && step };
      const batch = taken.slice(start, start + size);
      const answer = await this.#handle.json('encode', {}, own, batch).catch((error) => {
        throw moved(error, start);
      });
      for (const outcome of answer) outcomes.push(withVector(outcome));
    }
    return outcomes;
  }

  async encodeFaces(photo, options) {
    const answer = await this.#look('encode_faces', photo, {}, options);
    answer.faces.forEach(withVector);
    return answer;
  }

  async encodeAt(photo, boxes, options) {
    const answer = await this.#look('encode_at', photo, { boxes }, options);
    return answer.map(withVector);
  }

  async probe(photos, options) {
    const taken = input.onePhotoOrMore(photos, 'photos');
    return withVector(await this.#handle.json('probe', {}, options, taken));
  }

  async compare(probe, gallery, options) {
    const [request, callOptions] = input.split(options);
    const first = input.onePhotoOrMore(probe, 'probe');
    const others = input.onePhotoOrMore(gallery, 'gallery');
    for (const [field, list] of Object.entries({ probe: first, gallery: others })) {
      if (list.length === 0) throw FacevaultError.invalid(field, 'is required');
    }
    const body = { ...request, probe: first.length };
    return this.#handle.json('compare', body, callOptions, [...first, ...others]);
  }

  async compareEncodings(probe, gallery, options) {
    const [request, callOptions] = input.split(options);
    const vectors = { probe: fromVector(probe, 'probe'), gallery: fromVector(gallery, 'gallery') };
    return this.#handle.json('compare_encodings', { ...request, ...vectors }, callOptions);
  }

  async liveness(photos, options) {
    const [request, callOptions] = input.split(options);
    if (input.isPicture(photos)) return this.#look('liveness', photos, request, callOptions);
    const taken = input.onePhotoOrMore(photos, 'photos');
    return this.#handle.json('liveness', request, callOptions, taken);
  }

  async livenessModel(options) {
    const { model } = await this.#handle.json('liveness_model', {}, options);
    return model;
  }

  async call(verb, request = {}, options = undefined) {
    return this.#handle.call(verb, request, options);
  }

  close() {
    return this.#handle.close();
  }

  [inspect.custom]() {
    return `Engine { pack: '${this.pack}', model: '${this.model}' }`;
  }

  // How the encoding of a photo or picture begins. Its vector comes beside the JSON.
  #encoding(photo) {
    const { native } = this.#handle;
    if (!input.isPicture(photo)) {
      const taken = input.photo(photo);
      return (watch) => native.encode(taken, watch);
    }
    const { data, width, height } = input.picture(photo);
    return (watch) => native.encodePicture(data, width, height, watch);
  }

  // A verb of one photo, or of one picture that was decoded already.
  async #look(verb, photo, request, options) {
    if (!input.isPicture(photo)) return this.#handle.json(verb, request, options, [input.photo(photo)]);
    const { data, width, height } = input.picture(photo);
    const text = input.json(request, 'request');
    const begin = (watch) => this.#handle.native.pictureCall(verb, text, data, width, height, watch);
    return (await this.#handle.run(begin, options)).value;
  }
}

disposable(Engine);

function encodedOrRefused(outcome, encoding) {
  if (outcome.status === 'ok') return Object.assign(outcome, { encoding });
  const image = { index: 0, ...outcome };
  throw new FacevaultError(`image 0: ${image.code}: ${image.message}`, { kind: 'refused', images: [image] });
}

// The error of a batch, with the places that its photos have in the whole list.
function moved(error, start) {
  for (const image of error.images ?? []) image.index += start;
  return error;
}

module.exports = { Engine, handleOf };
