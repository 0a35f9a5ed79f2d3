/** An `AbortSignal`. */
export interface Signal {
  readonly aborted: boolean;
  readonly reason?: unknown;
  addEventListener(type: 'abort', listener: () => void): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

/** How far a call has come. */
export interface Progress {
  /** What is being done, in a few words or as the name of a file. */
  what: string;
  /** How much is done. */
  done: number;
  /** How much there is to do, as far as is known. */
  total: number | null;
  /** What is counted. */
  unit: 'bytes' | 'items';
}

/** Options of every call. */
export interface CallOptions {
  /**
   * Cancels the call: one that still waits is never begun, long work ends soon and in order. The promise is rejected
   * with a `FacevaultError` of kind `cancelled` whose cause is the signal's reason; a call that was about to end may be
   * answered all the same.
   */
  signal?: Signal;
  /**
   * Is told how far long work has come. What it throws, or a promise of its is rejected with, ends the work and is what
   * the promise of the call is rejected with. Its promise is not waited for.
   */
  onProgress?: (progress: Progress) => unknown;
}

/** A `URL`. */
export interface UrlLike {
  readonly href: string;
  readonly protocol: string;
}

/** A path or a `file:` URL. */
export type PathLike = string | UrlLike;

/** A photo: its path, its `file:` URL, or the bytes of its file. Bytes are copied as the call begins. */
export type Photo = PathLike | Uint8Array | ArrayBuffer | DataView;

/** One photo or several of one person. */
export type Photos = Photo | Iterable<Photo>;

/** Pixels: RGB, three bytes each, row by row without gaps. */
export interface Picture {
  data: Uint8Array | Uint8ClampedArray;
  width: number;
  height: number;
}

/** A vector. */
export type Vector = Float32Array | readonly number[];

/** How sure an answer must be: a false match rate, a false positive identification rate, or a similarity. */
export type OperatingPoint =
  { fmr: number } | { fpir: number } | { similarity: number } | `${'fmr' | 'fpir' | 'similarity'}=${string}`;

/** What encrypts a vault: 32 random bytes, or a passphrase of at least 12 characters. */
export type VaultKey = { key: Uint8Array; passphrase?: undefined } | { passphrase: string; key?: undefined };

/** What is done about the liveness of a probe. */
export interface LivenessOptions {
  /** `report` its score, or `require` that it is live: else kind `refused`, code `liveness_failed`; `off` by default. */
  liveness?: 'off' | 'report' | 'require';
  /** A face counts as live if its score is above this one, 0 to 1; 0.6 by default. */
  liveness_min_score?: number;
}

/** `accurate` encodes each face together with its mirror image. */
export type Mode = 'fast' | 'accurate';
