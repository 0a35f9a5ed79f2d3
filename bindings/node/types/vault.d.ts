import type { Duplicates, Identification, IdentifiedFace, Verification } from './answers.js';
import type { Engine, EngineDescription } from './engine.js';
import type { FacevaultError } from './error.js';
import type { CallOptions, LivenessOptions, Mode, OperatingPoint, PathLike, Photo, Photos, Vector } from './input.js';

export interface VaultOptions extends CallOptions {
  /** What encodes photos; without one, everything but photos can be read and changed. */
  engine?: Engine;
  /** Whose persons and collections are seen; the vault's own client by default. */
  client?: string;
  /** Who acts, as the audit trail notes it. */
  actor?: string;
  /** Take several photos of one person even where they seem to show two people. */
  mixed_photos?: boolean;
  /** A photo is enrolled only if the liveness score of its face is above this one, 0 to 1. */
  min_liveness?: number;
  limits?: { max_images?: number; max_image_bytes?: number };
  /** What the vault is encrypted with, and a new one gets: 32 random bytes, or a passphrase. See `hasEncryption`. */
  key?: Uint8Array;
  passphrase?: string;
}

export type Gender = 'M' | 'F';
export type Status = 'active' | 'inactive' | 'pending';
export type Attributes = { [key: string]: string };

/** A day, in any of the forms that are read; no `Date`, which is another day in another time zone. */
export type DateLike = string | { year: number; month: number; day: number };

/** A person to be created. */
export interface NewPerson {
  /** An id of the caller's own. */
  _id?: string;
  name: string;
  gender?: Gender | null;
  date_of_birth?: DateLike | null;
  nationality?: string | null;
  notes?: string | null;
  /** Ids or codes. */
  collections?: string[];
  attributes?: Attributes | null;
  status?: Status;
  /** When the person is to be removed: a time with its zone. */
  expires_at?: string | Date | null;
  images?: Iterable<Photo>;
  /** Encodings without photos; they cannot be made anew when the model changes. */
  encodings?: Vector[];
  /** The model of `encodings`; the vault's by default. */
  model?: string;
}

/** Refuses a person who seems to be in the vault, with kind `already_exists` and `duplicate`. */
export interface UnlessKnown {
  name_and_birth?: boolean;
  face?: OperatingPoint;
  collections?: string[];
}

/**
 * What changes of a person: a field that is absent stays as it is, `null` clears one that may be empty. At most one of
 * `images`, `add_images`, `encodings` and `add_encodings` may be there.
 */
export interface PersonUpdate {
  name?: string;
  gender?: Gender | null;
  date_of_birth?: DateLike | null;
  nationality?: string | null;
  notes?: string | null;
  collections?: string[];
  /** An attribute with `null` is removed; those that are absent stay. */
  attributes?: { [key: string]: string | null } | null;
  status?: Status;
  expires_at?: string | Date | null;
  /** Take the place of all photos; an empty list removes all. */
  images?: Iterable<Photo>;
  /** Come behind the photos that stay. */
  add_images?: Iterable<Photo>;
  /** Ids of photos that go; alone or with `add_images`. */
  remove_images?: string[];
  encodings?: Vector[];
  add_encodings?: Vector[];
  model?: string;
  /** The update is refused with kind `conflict` where the person has another version. */
  expected_version?: number;
  /** Answer without `images`, so that no photo is read. */
  summary?: boolean;
}

export interface PersonImage {
  _id: string;
  has_photo: boolean;
  has_encoding: boolean;
  /** If it was asked for. */
  encoding?: Float32Array | null;
}

export interface PersonSummary {
  _id: string;
  client: string;
  name: string;
  gender: Gender | null;
  date_of_birth: { year: number; month: number; day: number } | null;
  nationality: string | null;
  notes: string | null;
  collections: string[];
  attributes: Attributes;
  status: Status;
  expires_at: string | null;
  version: number;
  image_count: number;
  createdAt: string;
  updatedAt: string;
}

/** A person; `images` is absent where a summary was asked for. */
export interface Person extends PersonSummary {
  images?: PersonImage[];
}

export interface PersonsOptions extends CallOptions {
  page?: number;
  /** `next` of the page before, instead of `page`: everybody who is there all the time is listed exactly once. */
  after?: string;
  limit?: number;
  collection?: string;
  status?: 'active' | 'inactive';
  name_contains?: string;
  date_of_birth?: string;
  attributes?: Attributes;
}

export interface PersonsPage {
  persons: PersonSummary[];
  page: number | null;
  limit: number;
  total: number;
  pages: number;
  next: string | null;
}

export interface SearchOptions extends CallOptions, LivenessOptions {
  /** Only people of these collections. */
  collections?: string[];
  max_results?: number;
  /** FPIR 0.01 by default: at most one stranger in a hundred is taken for somebody. */
  operating_point?: OperatingPoint;
  /** List the most similar people though nobody was recognised. */
  below_threshold?: boolean;
  mode?: Mode;
}

export interface VerifyOptions extends CallOptions, LivenessOptions {
  /** FMR 0.001 by default. */
  operating_point?: OperatingPoint;
  mode?: Mode;
}

export interface DuplicatesOptions extends CallOptions {
  collections?: string[];
  operating_point?: OperatingPoint;
  max_pairs?: number;
}

export interface Collection {
  _id: string;
  code: string;
  name: string;
  description: string | null;
  createdAt: string;
  updatedAt: string;
}

export type Erasure = 'done' | 'pending';

/** `receipt` is in the answer and nowhere else; `null` where the vault keeps no audit trail. */
export interface Removed {
  erasure: Erasure;
  receipt: string | null;
}

export interface EncodingMatrix {
  model: string;
  dimension: number;
  generation: number;
  /** Whose encoding each row is. */
  rows: { person: string; image: string }[];
  /** The components row by row. */
  data: Float32Array;
}

export interface VaultDescription {
  path: string;
  client: string;
  read_only: boolean;
  limits: { max_images: number; max_image_bytes: number };
  min_liveness: number | null;
  model: { id: string; name: string; dimension: number; metric: string; mode: Mode | null } | null;
  encoding_mode: Mode | null;
  engine: EngineDescription | null;
}

export interface CheckReport {
  clean: boolean;
  persons: number;
  images: number;
  without_photo: number;
  encodings: number;
  erasure: Erasure;
  audit_entries: number;
  problems: { person: string | null; message: string }[];
}

export interface Retention {
  expired: boolean;
  unseen_days: number | null;
}

export interface PurgeOptions extends CallOptions {
  expired?: boolean;
  unseen_days?: number | null;
  /** Only say who would be removed. */
  dry_run?: boolean;
  trust_clock?: boolean;
}

export interface Purged {
  removed: boolean;
  persons: { _id: string; reason: string; receipt: string | null }[];
  erasure: Erasure;
  was_stopped: boolean;
  failure: object | null;
}

export interface AuditEntry {
  sequence: number;
  at: string;
  kind: string;
  client: string | null;
  /** `token:ID` or `host:NAME`. */
  actor: string | null;
  /** The number by which the trail names a person; see `personKey`. */
  person: number | null;
  detail: object;
  hash: string;
}

/** What a program shows to act for a client over HTTP, without its secret. */
export interface Token {
  _id: string;
  client: string;
  status: 'active' | 'expired' | 'revoked';
  createdAt: string;
  expiresAt: string | null;
  revokedAt: string | null;
}

export interface AuditPolicy {
  scope: 'off' | 'changes' | 'all';
  keep_days: number | null;
  searches_at_once: boolean;
}

export interface AuditOptions extends CallOptions {
  client?: string;
  kinds?: string[];
  /** The number by which the trail names a person; see `personKey`. */
  person?: number;
  since?: string;
  until?: string;
  after?: number;
  newest_first?: boolean;
  limit?: number;
}

/** One vault file, open, as one client sees it. */
export class Vault {
  private constructor();
  static open(path: PathLike, options?: VaultOptions): Promise<Vault>;
  static create(path: PathLike, options?: VaultOptions): Promise<Vault>;
  static openOrCreate(path: PathLike, options?: VaultOptions): Promise<Vault>;
  static openReadOnly(path: PathLike, options?: VaultOptions): Promise<Vault>;
  /** A vault without a file. */
  static inMemory(options?: VaultOptions): Promise<Vault>;

  readonly client: string;
  readonly readOnly: boolean;
  /** Another handle of the same vault: for another client or actor, or with other rules for photos. Close both. */
  as(
    options: {
      client?: string;
      add_client?: boolean;
      actor?: string;
      mixed_photos?: boolean;
      min_liveness?: number;
      /** A token, as somebody shows it: the vault as its holder uses it. */
      token?: string;
    } & CallOptions,
  ): Promise<Vault>;
  describe(options?: CallOptions): Promise<VaultDescription>;
  /**
   * Any verb of bindings/core by its name, with its request as an object or as JSON text. The answer is as in JSON:
   * vectors are base64 of little-endian 32-bit floats.
   */
  call(verb: string, request?: object | string, options?: { photos?: Photos } & CallOptions): Promise<unknown>;
  /** Closes the file once the calls that run have ended. */
  close(): Promise<void>;
  [Symbol.dispose](): void;
  [Symbol.asyncDispose](): Promise<void>;

  createPerson(person: NewPerson & { unless_known?: UnlessKnown }, options?: CallOptions): Promise<Person>;
  /** Many people at once, with all their photos encoded side by side and an outcome for each person. */
  createPersons(
    persons: NewPerson[],
    options?: { unless_known?: UnlessKnown } & CallOptions,
  ): Promise<({ status: 'ok'; person: Person } | { status: 'failed'; error: FacevaultError })[]>;
  /** Changes some fields; the update is on disk when the promise is resolved. */
  updatePerson(id: string, update: PersonUpdate, options?: CallOptions): Promise<Person>;
  person(id: string, options?: { summary?: boolean; encodings?: boolean } & CallOptions): Promise<Person>;
  persons(options?: PersonsOptions): Promise<PersonsPage>;
  /** Everybody, page by page. */
  eachPerson(options?: Omit<PersonsOptions, 'page' | 'after'>): AsyncGenerator<PersonSummary, void, undefined>;
  removePerson(id: string, options?: CallOptions): Promise<Removed>;
  /** A photo as it was handed in; a `Buffer`. */
  photo(id: string, image: string, options?: CallOptions): Promise<Uint8Array>;
  /** A small JPEG of a photo; a `Buffer`. */
  thumbnail(id: string, image: string, options?: CallOptions): Promise<Uint8Array>;

  /** Who is this? Several photos of one person make one probe. */
  identify(photos: Photos, options?: SearchOptions): Promise<Identification>;
  /** Who are they? Every face of a photo of a group. */
  identifyFaces(photo: Photo, options?: SearchOptions): Promise<IdentifiedFace[]>;
  identifyEncodings(
    encodings: Vector[],
    options?: { model?: string } & Omit<SearchOptions, keyof LivenessOptions>,
  ): Promise<Identification[]>;
  /** Is this that person? */
  verify(id: string, photos: Photos, options?: VerifyOptions): Promise<Verification>;
  verifyEncoding(
    id: string,
    encoding: Vector,
    options?: { model?: string } & Omit<VerifyOptions, keyof LivenessOptions>,
  ): Promise<Verification>;
  /** Who was added twice? */
  duplicates(options?: DuplicatesOptions): Promise<Duplicates>;

  createCollection(
    collection: { _id?: string; name: string; description?: string | null },
    options?: CallOptions,
  ): Promise<Collection>;
  updateCollection(
    idOrCode: string,
    update: { name?: string; description?: string | null; people?: (string | { _id: string })[] },
    options?: CallOptions,
  ): Promise<Collection>;
  collection(idOrCode: string, options?: CallOptions): Promise<Collection>;
  collections(options?: CallOptions): Promise<Collection[]>;
  /** Its persons stay. */
  removeCollection(idOrCode: string, options?: CallOptions): Promise<null>;
  /** A person who is in no other collection is removed. */
  removeFromCollection(
    id: string,
    idOrCode: string,
    options?: CallOptions,
  ): Promise<{ status: 'stays'; person: PersonSummary } | ({ status: 'removed' } & Removed) | { status: 'left' }>;

  /** The encodings of all active persons as one matrix. */
  encodings(options?: CallOptions): Promise<EncodingMatrix>;
  peopleWithoutEncoding(options?: CallOptions): Promise<string[]>;
  /** Encodes all photos by the engine's model, which the vault then searches with. */
  reencode(options?: { keep_old?: boolean; leave_out?: boolean } & CallOptions): Promise<{
    model: { id: string; name: string; dimension: number };
    encoded: number;
    unencoded: { status: 'refused'; code: string; message: string; client: string; person: string; image: string }[];
    without_photo: number;
    is_active: boolean;
  }>;

  /** A copy of the vault as it is now, where no file may be. */
  backup(path: PathLike, options?: CallOptions): Promise<{ path: string }>;
  check(options?: CallOptions): Promise<CheckReport>;
  /** Who was added, changed or removed since a revision; `known` is false where the vault cannot tell. */
  changes(
    since?: number,
    options?: CallOptions,
  ): Promise<{
    known: boolean;
    changes: { change: 'added' | 'changed' | 'removed'; key: number; person: string | null }[];
    revision: number | null;
  }>;
  clients(options?: CallOptions): Promise<string[]>;
  erasure(options?: CallOptions): Promise<{ erasure: Erasure }>;
  finishErasure(options?: CallOptions): Promise<{ erasure: Erasure }>;
  clean(options?: CallOptions): Promise<{ erasure: Erasure }>;
  retention(options?: CallOptions): Promise<Retention>;
  setRetention(options: Partial<Retention> & CallOptions): Promise<Retention>;
  purge(options: PurgeOptions): Promise<Purged>;
  carryOutRetention(options?: CallOptions): Promise<{ removed: number }>;
  lastSeen(id: string, options?: CallOptions): Promise<string | null>;

  audit(options?: AuditOptions): Promise<{ entries: AuditEntry[]; next: number | null; head: string | null }>;
  auditPolicy(options?: CallOptions): Promise<AuditPolicy>;
  /** `keep_days: 0` keeps entries for ever. */
  setAuditPolicy(options: Partial<AuditPolicy> & CallOptions): Promise<AuditPolicy>;
  auditVerify(options?: { head?: string } & CallOptions): Promise<{
    clean: boolean;
    entries: number;
    cut_until: number | null;
    head: string | null;
    problems: { sequence: number; message: string }[];
  }>;
  auditCut(options?: CallOptions): Promise<{ cut: number }>;
  auditFlush(options?: CallOptions): Promise<null>;
  /**
   * The removal that a receipt is of, whether it was that of the person `id`, and whether each of `photos` was among what
   * was removed. Nobody can say that without the receipt.
   */
  checkReceipt(
    receipt: string,
    options?: { id?: string; photos?: Photos } & CallOptions,
  ): Promise<{ entry: AuditEntry; person: boolean | null; photos: boolean[] }>;

  /** A token with which a program acts for this client over HTTP. `token` is shown this once. */
  createToken(options?: { expires_at?: string | Date | null } & CallOptions): Promise<Token & { token: string }>;
  /** This client's tokens, oldest first. */
  tokens(options?: CallOptions): Promise<Token[]>;
  /** `id` is the part of a token before its dot. */
  revokeToken(id: string, options?: CallOptions): Promise<null>;
  /** What a token that somebody shows is good for. `as({ token })` gives the vault as its holder uses it. */
  authenticate(
    token: string,
    options?: CallOptions,
  ): Promise<
    { access: 'granted'; client: string; _id: string } | { access: 'expired' | 'unknown'; client: null; _id: null }
  >;
  /** Rejected where the vault's file was moved, removed or replaced since it was opened. */
  requireInPlace(options?: CallOptions): Promise<null>;

  /** The number by which the audit trail names a person. */
  personKey(id: string, options?: CallOptions): Promise<number>;
}
