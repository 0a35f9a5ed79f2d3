'use strict';

// One vault file, open, as one client sees it.

const { inspect } = require('node:util');
const { call } = require('./call.js');
const { handleOf } = require('./engine.js');
const { FacevaultError } = require('./error.js');
const { Handle, disposable } = require('./handle.js');
const input = require('./input.js');
const { withKey } = require('./keys.js');
const { exit, native } = require('./native.js');
const { personRequest, updateRequest } = require('./person.js');
const { fromVector, fromVectors, withVector } = require('./vectors.js');

const secret = Symbol('opened by Vault.open');

class Vault {
  #handle;
  #about;

  constructor(key, handle, about) {
    if (key !== secret) throw new TypeError('a vault is opened with `await Vault.open(path)`');
    this.#handle = handle;
    this.#about = about;
  }

  static async open(path, options) {
    return opened(input.path(path, 'path'), options);
  }

  static async create(path, options) {
    return opened(input.path(path, 'path'), withMode(options, 'create'));
  }

  static async openOrCreate(path, options) {
    return opened(input.path(path, 'path'), withMode(options, 'open_or_create'));
  }

  static async openReadOnly(path, options) {
    return opened(input.path(path, 'path'), withMode(options, 'read_only'));
  }

  static async inMemory(options) {
    return opened(undefined, withMode(options, 'memory'));
  }

  get client() {
    return this.#about.client;
  }

  get readOnly() {
    return this.#about.read_only;
  }

  async as(options) {
    const [request, callOptions] = input.split(options);
    const other = new native.NativeVault(exit);
    const text = input.json(request, 'options');
    const begin = (watch) => other.openAs(this.#handle.native, text, watch);
    const { value } = await this.#handle.run(begin, callOptions);
    return new Vault(secret, new Handle(other), value);
  }

  async call(verb, request = {}, options = undefined) {
    return this.#handle.call(verb, request, options);
  }

  close() {
    return this.#handle.close();
  }

  [inspect.custom]() {
    return `Vault { client: '${this.client}', readOnly: ${this.readOnly} }`;
  }

  // -- persons

  async createPerson(person, options) {
    const { request, photos } = personRequest(person);
    const verb = request.unless_known === undefined ? 'create_person' : 'create_person_unless_known';
    return this.#handle.json(verb, request, options, photos);
  }

  async createPersons(persons, options) {
    if (!Array.isArray(persons)) throw FacevaultError.invalid('persons', 'must be a list of persons');
    const [request, callOptions] = input.split(options);
    const taken = persons.map((person, index) => personRequest(person, `persons[${index}].`));
    const body = taken.map(({ request, photos }) => ({ ...request, photos: photos.length }));
    const photos = taken.flatMap(({ photos }) => photos);
    const { outcomes } = await this.#handle.json('create_persons', { ...request, persons: body }, callOptions, photos);
    return outcomes.map((outcome) =>
      outcome.status === 'ok' ? outcome : { ...outcome, error: FacevaultError.fromJson(outcome.error) },
    );
  }

  async updatePerson(id, update, options) {
    const { request, photos } = updateRequest(update);
    return this.#handle.json('update_person', { ...request, id: input.id(id) }, options, photos);
  }

  async person(id, options) {
    const person = await this.#withId('person', id, options);
    person.images?.forEach(withVector);
    return person;
  }

  async persons(options) {
    input.day(options?.date_of_birth, 'date_of_birth');
    return this.#plain('persons', options);
  }

  async *eachPerson(options = {}) {
    let after;
    do {
      const [request, callOptions] = input.split(options);
      const page = await this.persons({ limit: 100, ...request, ...callOptions, ...(after && { after }) });
      yield* page.persons;
      after = page.next;
    } while (after);
  }

  removePerson(id, options) {
    return this.#withId('remove_person', id, options);
  }

  photo(id, image, options) {
    return this.#bytes('photo', id, image, options);
  }

  thumbnail(id, image, options) {
    return this.#bytes('thumbnail', id, image, options);
  }

  // -- searching

  async identify(photos, options) {
    const [request, callOptions] = input.split(options);
    return this.#handle.json('identify', request, callOptions, input.onePhotoOrMore(photos, 'photos'));
  }

  async identifyFaces(photo, options) {
    const [request, callOptions] = input.split(options);
    return this.#handle.json('identify_faces', request, callOptions, [input.photo(photo)]);
  }

  async identifyEncodings(encodings, options) {
    const [request, callOptions] = input.split(options);
    const body = { ...request, encodings: fromVectors(encodings, 'encodings') };
    return this.#handle.json('identify_encodings', body, callOptions);
  }

  async verify(id, photos, options) {
    const [request, callOptions] = input.split(options);
    const taken = input.onePhotoOrMore(photos, 'photos');
    return this.#handle.json('verify', { ...request, id: input.id(id) }, callOptions, taken);
  }

  async verifyEncoding(id, encoding, options) {
    const [request, callOptions] = input.split(options);
    const body = { ...request, id: input.id(id), encoding: fromVector(encoding, 'encoding') };
    return this.#handle.json('verify_encoding', body, callOptions);
  }

  duplicates(options) {
    return this.#plain('duplicates', options);
  }

  // -- collections

  async createCollection(collection, options) {
    return this.#handle.json('create_collection', collection, options);
  }

  async updateCollection(id, update, options) {
    return this.#handle.json('update_collection', { ...update, id: input.id(id) }, options);
  }

  collection(id, options) {
    return this.#withId('collection', id, options);
  }

  collections(options) {
    return this.#plain('collections', options);
  }

  removeCollection(id, options) {
    return this.#withId('remove_collection', id, options);
  }

  async removeFromCollection(id, collection, options) {
    const body = { id: input.id(id), collection: input.id(collection, 'collection') };
    return this.#handle.json('remove_from_collection', body, options);
  }

  // -- encodings and models

  async encodings(options) {
    const { value, floats } = await this.#handle.run((watch) => this.#handle.native.encodings(watch), options);
    return { ...value, data: floats };
  }

  peopleWithoutEncoding(options) {
    return this.#plain('people_without_encoding', options);
  }

  reencode(options) {
    return this.#plain('reencode', options);
  }

  // -- keeping a vault

  describe(options) {
    return this.#plain('describe', options);
  }

  async backup(path, options) {
    return this.#handle.json('backup', { path: input.path(path, 'path') }, options);
  }

  check(options) {
    return this.#plain('check', options);
  }

  async changes(since = 0, options = undefined) {
    return this.#handle.json('changes', { since }, options);
  }

  clients(options) {
    return this.#plain('clients', options);
  }

  erasure(options) {
    return this.#plain('erasure', options);
  }

  finishErasure(options) {
    return this.#plain('finish_erasure', options);
  }

  clean(options) {
    return this.#plain('clean', options);
  }

  retention(options) {
    return this.#plain('retention', options);
  }

  setRetention(options) {
    return this.#plain('set_retention', options);
  }

  purge(options) {
    return this.#plain('purge', options);
  }

  carryOutRetention(options) {
    return this.#plain('carry_out_retention', options);
  }

  async lastSeen(id, options) {
    const { last_seen: seen } = await this.#withId('last_seen', id, options);
    return seen;
  }

  // -- the audit trail

  audit(options) {
    return this.#plain('audit', options);
  }

  auditPolicy(options) {
    return this.#plain('audit_policy', options);
  }

  setAuditPolicy(options) {
    return this.#plain('set_audit_policy', options);
  }

  auditVerify(options) {
    return this.#plain('audit_verify', options);
  }

  auditCut(options) {
    return this.#plain('audit_cut', options);
  }

  auditFlush(options) {
    return this.#plain('audit_flush', options);
  }

  async checkReceipt(receipt, options) {
    const [{ photos, ...request }, callOptions] = input.split(options);
    const taken = photos === undefined ? [] : input.onePhotoOrMore(photos, 'photos');
    const body = { ...request, receipt: input.id(receipt, 'receipt') };
    return this.#handle.json('check_receipt', body, callOptions, taken);
  }

  // -- tokens

  createToken(options) {
    return this.#plain('create_token', options);
  }

  tokens(options) {
    return this.#plain('tokens', options);
  }

  revokeToken(id, options) {
    return this.#withId('revoke_token', id, options);
  }

  async authenticate(token, options) {
    return this.#handle.json('authenticate', { token: input.id(token, 'token') }, options);
  }

  requireInPlace(options) {
    return this.#plain('require_in_place', options);
  }

  async personKey(id, options) {
    const { key } = await this.#withId('person_key', id, options);
    return key;
  }

  // A verb whose request is what the options say.
  async #plain(verb, options) {
    const [request, callOptions] = input.split(options);
    return this.#handle.json(verb, request, callOptions);
  }

  async #withId(verb, id, options) {
    const [request, callOptions] = input.split(options);
    return this.#handle.json(verb, { ...request, id: input.id(id) }, callOptions);
  }

  async #bytes(verb, id, image, options) {
    const text = input.json({ id: input.id(id), image: input.id(image, 'image') }, 'request');
    return (await this.#handle.run((watch) => this.#handle.native.bytes(verb, text, watch), options)).bytes;
  }
}

disposable(Vault);

function withMode(options, mode) {
  const [request, callOptions] = input.split(options);
  return { ...request, ...callOptions, mode };
}

async function opened(path, options) {
  const [{ engine, ...request }, callOptions] = input.split(options);
  const used = engine === undefined || engine === null ? undefined : handleOf(engine);
  if (used === null) throw FacevaultError.invalid('engine', 'must be an Engine');
  const vault = new native.NativeVault(exit);
  const text = input.json(withKey(request), 'options');
  const { value } = await call((watch) => vault.open(path, text, used?.native, watch), callOptions);
  return new Vault(secret, new Handle(vault), value);
}

module.exports = { Vault };
