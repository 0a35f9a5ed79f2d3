import type { RefusedImage, ThresholdAnswer } from './answers.js';

/** Who must act on an error, and how. */
export type ErrorKind =
  | 'invalid'
  | 'not_found'
  | 'already_exists'
  | 'conflict'
  | 'refused'
  | 'model_mismatch'
  | 'model_unavailable'
  | 'runtime'
  | 'corrupt'
  | 'unsupported'
  | 'busy'
  | 'io'
  | 'outcome_unknown'
  | 'key'
  | 'cancelled';

/** A field of a request and the rule that it breaks. */
export interface Violation {
  field: string;
  rule: string;
}

/** What became of one photo of a request. */
export type ImageOutcome = { index: number; status: 'ok' } | ({ index: number; status: 'refused' } & RefusedImage);

/** The existing person that a new one seems to be. */
export type Duplicate =
  | { person: string; reason: 'name_and_birth' }
  | {
      person: string;
      reason: 'face';
      image: string;
      similarity: number;
      fmr: number | null;
      threshold: ThresholdAnswer;
    };

/** What every failing call is rejected with. */
export class FacevaultError extends Error {
  private constructor();
  readonly name: 'FacevaultError';
  readonly kind: ErrorKind;
  /** Broken rules of the request. */
  readonly violations: Violation[];
  /** The outcome of each photo, where at least one was refused. */
  readonly images: ImageOutcome[];
  readonly duplicate: Duplicate | null;
  readonly cause?: unknown;
  toJSON(): Pick<FacevaultError, 'name' | 'kind' | 'message' | 'violations' | 'images' | 'duplicate'>;
}
