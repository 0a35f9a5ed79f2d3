// The verbs of conformance cases as this package's own methods: how the arguments of a method are made of a request,
// and the JSON of an answer of what the method answers. A method answers nothing here where a request cannot be
// expressed with it; the verb is then called by its name.

const toFloats = (base64) => {
  const bytes = Buffer.from(base64, 'base64');
  return new Float32Array(new Uint8Array(bytes).buffer);
};
const toBase64 = (vector) => Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength).toString('base64');

// Vectors as JSON has them.
function plain(value) {
  if (value instanceof Float32Array) return toBase64(value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
}

const isVector = (text) => typeof text === 'string' && Buffer.from(text, 'base64').length % 4 === 0;
const areVectors = (list) => Array.isArray(list) && list.every(isVector);

// `encodings` of a request as vectors; null where they are no vectors at all.
function withVectors({ encodings, ...rest }) {
  if (encodings === undefined) return rest;
  return areVectors(encodings) ? { ...rest, encodings: encodings.map(toFloats) } : null;
}

const hasId = ({ id }) => typeof id === 'string';
const keysAre = (request, ...known) => Object.keys(request).every((key) => known.includes(key));

// A method of options alone, which are the request.
const byOptions = (name) => (target, request, photos, options) =>
  photos.length === 0 ? target[name]({ ...request, ...options }) : undefined;

// A method of an id and options.
const byId =
  (name, wrap) =>
  (target, { id, ...rest }, photos, options) => {
    if (!hasId({ id }) || photos.length > 0) return undefined;
    const answer = target[name](id, { ...rest, ...options });
    return wrap ? answer.then(wrap) : answer;
  };

const create = (vault, request, photos, options) => {
  const person = withVectors(request);
  if (!person || 'images' in person) return undefined;
  return vault.createPerson(photos.length > 0 ? { ...person, images: photos } : person, options);
};

const search = (name, one) => (vault, request, photos, options) =>
  photos.length === 1 || !one ? vault[name](one ? photos[0] : photos, { ...request, ...options }) : undefined;

const look = (name, list) => (engine, request, photos, options) => {
  if (photos.length !== 1 || !keysAre(request)) return undefined;
  return engine[name](photos[0], options).then((answer) => (list ? [plain(answer)] : plain(answer)));
};

export const methods = {
  engine: {
    describe: byOptions('describe'),
    detect: look('detect'),
    encode: (engine, request, photos, options) =>
      keysAre(request) ? engine.encodeMany(photos, options).then(plain) : undefined,
    encode_faces: look('encodeFaces'),
    encode_at: (engine, { boxes, ...rest }, photos, options) =>
      photos.length === 1 && keysAre(rest) && Array.isArray(boxes)
        ? engine.encodeAt(photos[0], boxes, options).then(plain)
        : undefined,
    liveness: (engine, request, photos, options) => engine.liveness(photos, { ...request, ...options }),
    liveness_model: (engine, request, photos, options) =>
      keysAre(request) ? engine.livenessModel(options).then((model) => ({ model })) : undefined,
    probe: (engine, request, photos, options) =>
      keysAre(request) ? engine.probe(photos, options).then(plain) : undefined,
    compare: (engine, { probe = 1, ...rest }, photos, options) =>
      Number.isInteger(probe) && probe > 0 && probe < photos.length
        ? engine.compare(photos.slice(0, probe), photos.slice(probe), { ...rest, ...options })
        : undefined,
    compare_encodings: (engine, { probe, gallery, ...rest }, photos, options) =>
      isVector(probe) && isVector(gallery)
        ? engine.compareEncodings(toFloats(probe), toFloats(gallery), { ...rest, ...options })
        : undefined,
  },
  vault: {
    audit: byOptions('audit'),
    audit_cut: byOptions('auditCut'),
    audit_flush: byOptions('auditFlush'),
    audit_policy: byOptions('auditPolicy'),
    audit_verify: byOptions('auditVerify'),
    authenticate: (vault, { token, ...rest }, photos, options) =>
      typeof token === 'string' && keysAre(rest) ? vault.authenticate(token, options) : undefined,
    backup: (vault, { path, ...rest }, photos, options) =>
      typeof path === 'string' && keysAre(rest) ? vault.backup(path, options) : undefined,
    carry_out_retention: byOptions('carryOutRetention'),
    changes: (vault, { since, ...rest }, photos, options) =>
      keysAre(rest) ? vault.changes(since, options) : undefined,
    check: byOptions('check'),
    check_receipt: (vault, { receipt, ...rest }, photos, options) =>
      typeof receipt === 'string' ? vault.checkReceipt(receipt, { ...rest, photos, ...options }) : undefined,
    clean: byOptions('clean'),
    clients: byOptions('clients'),
    collection: byId('collection'),
    collections: byOptions('collections'),
    create_collection: (vault, request, photos, options) => vault.createCollection(request, options),
    create_person: (vault, request, photos, options) =>
      'unless_known' in request ? undefined : create(vault, request, photos, options),
    create_person_unless_known: (vault, request, photos, options) =>
      'unless_known' in request ? create(vault, request, photos, options) : undefined,
    create_persons: (vault, { persons, ...rest }, photos, options) => {
      if (!Array.isArray(persons)) return undefined;
      const left = [...photos];
      const given = persons.map((person) => {
        const { photos: count = 0, ...fields } = person ?? {};
        const own = Number.isInteger(count) ? left.splice(0, count) : null;
        const whole = own?.length === count ? withVectors(fields) : null;
        return whole && { ...whole, images: own };
      });
      if (left.length > 0 || given.includes(null)) return undefined;
      const failed = ({ error: { kind, message, violations, images, duplicate } }) => {
        const lists = { details: violations, images };
        const filled = Object.entries(lists).filter(([, list]) => list.length > 0);
        return { status: 'failed', error: { error: kind, message, ...Object.fromEntries(filled), duplicate } };
      };
      const outcome = (one) => (one.status === 'ok' ? one : failed(one));
      return vault
        .createPersons(given, { ...rest, ...options })
        .then((outcomes) => ({ outcomes: outcomes.map(outcome) }));
    },
    create_token: byOptions('createToken'),
    describe: byOptions('describe'),
    duplicates: byOptions('duplicates'),
    encodings: async (vault, request, photos, options) => {
      const { rows, data, ...rest } = await vault.encodings(options);
      const row = (index) => data.subarray(index * rest.dimension, (index + 1) * rest.dimension);
      return { ...rest, rows: rows.map((one, index) => ({ ...one, encoding: toBase64(row(index)) })) };
    },
    erasure: byOptions('erasure'),
    finish_erasure: byOptions('finishErasure'),
    identify: search('identify'),
    identify_encodings: (vault, { encodings, ...rest }, photos, options) =>
      areVectors(encodings) ? vault.identifyEncodings(encodings.map(toFloats), { ...rest, ...options }) : undefined,
    identify_faces: search('identifyFaces', true),
    last_seen: byId('lastSeen', (seen) => ({ last_seen: seen })),
    people_without_encoding: byOptions('peopleWithoutEncoding'),
    person: (vault, request, photos, options) => byId('person')(vault, request, photos, options)?.then(plain),
    person_key: byId('personKey', (key) => ({ key })),
    persons: byOptions('persons'),
    purge: byOptions('purge'),
    reencode: byOptions('reencode'),
    remove_collection: byId('removeCollection'),
    remove_from_collection: (vault, { id, collection, ...rest }, photos, options) =>
      hasId({ id }) && typeof collection === 'string' && keysAre(rest)
        ? vault.removeFromCollection(id, collection, options)
        : undefined,
    remove_person: byId('removePerson'),
    require_in_place: byOptions('requireInPlace'),
    retention: byOptions('retention'),
    revoke_token: byId('revokeToken'),
    set_audit_policy: byOptions('setAuditPolicy'),
    set_retention: byOptions('setRetention'),
    tokens: byOptions('tokens'),
    update_collection: (vault, { id, ...update }, photos, options) =>
      hasId({ id }) ? vault.updateCollection(id, update, options) : undefined,
    update_person: updatePerson,
    verify: (vault, { id, ...rest }, photos, options) =>
      hasId({ id }) ? vault.verify(id, photos, { ...rest, ...options }) : undefined,
    verify_encoding: (vault, { id, encoding, ...rest }, photos, options) =>
      hasId({ id }) && isVector(encoding)
        ? vault.verifyEncoding(id, toFloats(encoding), { ...rest, ...options })
        : undefined,
  },
};

// Photos and encodings have a member of the update for each way in which they change what is there.
function updatePerson(vault, { id, ...request }, photos, options) {
  const fields = withVectors(request);
  if (!hasId({ id }) || !fields) return undefined;
  const { images, encodings, ...rest } = fields;
  const given = photos.length > 0 ? { images: photos } : encodings?.length > 0 ? { encodings } : null;
  if ((photos.length > 0 && encodings) || ![undefined, 'replace', 'add', 'clear'].includes(images)) return undefined;
  if (images === 'clear')
    return given || 'remove_images' in rest ? undefined : vault.updatePerson(id, { ...rest, images: [] }, options);
  if (!given) return images ? undefined : vault.updatePerson(id, rest, options);
  const adds = images === 'add' || 'remove_images' in rest;
  if (images === 'replace' && 'remove_images' in rest) return undefined;
  const change = adds ? Object.fromEntries(Object.entries(given).map(([key, value]) => [`add_${key}`, value])) : given;
  return vault.updatePerson(id, { ...rest, ...change }, options);
}
