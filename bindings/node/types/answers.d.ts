/** Sides in pixels of the upright picture. */
export interface Box {
  top: number;
  left: number;
  right: number;
  bottom: number;
}

export type Point = [x: number, y: number];

/** The left eye is the one on the left of the picture. */
export interface Landmarks {
  left_eye: Point;
  right_eye: Point;
  nose: Point;
  left_mouth?: Point;
  right_mouth?: Point;
}

export interface Face {
  box: Box;
  landmarks: Landmarks;
  detection_score: number;
}

/** By how many degrees a photo was turned clockwise, beyond its EXIF orientation, to be upright. */
export type Turned = 0 | 90 | 180 | 270;

export interface Detection {
  width: number;
  height: number;
  turned: Turned;
  /** Highest score first. */
  faces: Face[];
}

/** What was measured of a face; docs/damage.md says what the values mean. */
export interface Quality {
  size: number;
  margin: number;
  eye_distance: number;
  pose: { yaw: number; pitch: number; roll: number };
  brightness: number;
  contrast: number;
  sharpness: number;
  extent: number;
  offset: number;
  visible: number;
  grain: number;
  resolution: number;
  color_balance: number;
  blocking: number;
  acuity: number;
  eye_detail: number;
  mouth_detail: number;
}

export interface EncodedFace {
  status: 'ok';
  model: string;
  dimension: number;
  /** The vector as the network gave it: not normalised. */
  encoding: Float32Array;
  face: Face;
  turned: Turned;
  /** The photo's other faces, where this one was chosen among several. */
  others: Face[];
  quality: Quality;
  recognizability: number | null;
}

/** Why a photo gave no encoding. */
export interface RefusedImage {
  /** The reason, such as `no_face_detected`. */
  code: string;
  measured: number | null;
  limit: number | null;
  message: string;
}

export type Refused = { status: 'refused' } & RefusedImage;

export type EncodeOutcome = EncodedFace | Refused;

export interface FacesEncoded {
  turned: Turned;
  /** Every face, highest score first, with its encoding or why there is none. */
  faces: (EncodedFace | (Refused & { face: Face }))[];
}

export interface Encoding {
  model: string;
  dimension: number;
  encoding: Float32Array;
}

export interface ThresholdAnswer {
  similarity: number;
  asked: { fmr: number } | { fpir: number } | { similarity: number };
  people_searched: number;
  fmr: number | null;
  basis: 'given' | 'measured' | 'extrapolated';
}

export interface Decision {
  similarity: number;
  fmr: number | null;
  accepted: boolean;
  threshold: ThresholdAnswer;
  /** The probe's liveness score, where it was asked for. */
  liveness?: number;
}

/** The main face of a photo, and how sure the networks are that it is live: together and each, 0 to 1. */
export interface LivenessShot {
  face: Face;
  turned: Turned;
  score: number;
  networks: number[];
}

/** Whether photos of one face seem to show a living person. */
export interface LivenessReport {
  /** `score` is above `min_score`. */
  live: boolean;
  score: number;
  min_score: number;
  networks: number[];
  /** The name of the networks. */
  model: string;
  shots: LivenessShot[];
}

export interface Candidate {
  rank: number;
  person: string;
  name: string | null;
  image: string;
  similarity: number;
  fmr: number | null;
  accepted: boolean;
}

/** Who somebody is. No candidate, or none that is `accepted`, means "unknown". */
export interface Identification {
  candidates: Candidate[];
  threshold: ThresholdAnswer;
  margin: number | null;
  people_searched: number;
  people_without_encoding: number;
  generation: number;
  /** The probe's liveness score, where it was asked for. */
  liveness?: number;
}

export type IdentifiedFace = { face: Face; turned: Turned } & (({ status: 'ok' } & Identification) | Refused);

export interface Verification extends Decision {
  person: string;
  image: string;
}

export interface DuplicateSide {
  person: string;
  name: string | null;
  image: string;
}

export interface Duplicates {
  pairs: { people: [DuplicateSide, DuplicateSide]; similarity: number; fmr: number | null }[];
  is_cut: boolean;
  threshold: ThresholdAnswer;
  people_searched: number;
  people_without_encoding: number;
  generation: number;
}
