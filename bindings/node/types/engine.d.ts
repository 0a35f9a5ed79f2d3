import type {
  Box,
  Decision,
  Detection,
  EncodedFace,
  EncodeOutcome,
  Encoding,
  FacesEncoded,
  LivenessReport,
} from './answers.js';
import type { CallOptions, LivenessOptions, Mode, OperatingPoint, PathLike, Photo, Photos, Picture, Vector } from './input.js';

export interface EngineOptions extends CallOptions {
  /** The name of an installed pack, or the path of a pack's folder; `standard` by default. */
  pack?: PathLike;
  /** The data folder; that of the environment by default. */
  data_dir?: PathLike;
  /** Photos that are worked on at once; one per processor by default. */
  threads?: number;
  /** How faces are encoded; as the pack says by default. */
  mode?: Mode;
  /** ONNX Runtime's library; by default the first usable one. */
  runtime_library?: PathLike;
  /** What is wanted of a photo. */
  rules?: PhotoRules;
  /** Tables that take the place of the pack's. */
  calibration?: object;
  recognizability?: object;
  /** Liveness networks, by name or folder; `liveness` by default. They are loaded when they are first needed. */
  liveness_models?: PathLike;
}

/** Rules for photos; what is absent is as by default. */
export interface PhotoRules {
  decode?: { max_bytes?: number; max_pixels?: number; max_side?: number };
  seek?: { min_face?: number; turn?: boolean; long_side?: number; min_score?: number };
  face?: { portrait: { ratio: number; share: number } } | { dominant: { ratio: number } } | 'largest';
  quality?: { [limit: string]: number | boolean };
}

export interface EngineDescription {
  pack: string;
  title: string | null;
  licence: string | null;
  model: string;
  dimension: number;
  metric: 'cosine' | 'euclidean';
  mode: Mode;
  calibration: object | null;
  threads: number;
  sessions: number;
  encoded: number;
  runtime: { version: string; library: string; notices: string[] } | null;
}

/** Liveness is that of the probe; the gallery may be the photo of a document. */
export interface CompareOptions extends CallOptions, LivenessOptions {
  /** FMR 0.001 by default. */
  operating_point?: OperatingPoint;
  mode?: Mode;
  /** Take several photos of one side even where they seem to show two people. */
  mixed_photos?: boolean;
}

/** Detects faces and computes face encodings. Expensive: a process opens one and shares it. */
export class Engine {
  private constructor();
  static open(options?: EngineOptions): Promise<Engine>;

  readonly pack: string;
  /** What the encodings are marked with; only those of one model can be compared. */
  readonly model: string;
  readonly dimension: number;
  readonly metric: 'cosine' | 'euclidean';
  readonly mode: Mode;
  /** How many photos are worked on at once. */
  readonly threads: number;

  describe(options?: CallOptions): Promise<EngineDescription>;
  /** The faces of a photo. A photo without one is no error. */
  detect(photo: Photo | Picture, options?: CallOptions): Promise<Detection>;
  /** The upright pixels of a photo. */
  decode(photo: Photo, options?: CallOptions): Promise<{ data: Uint8Array; width: number; height: number }>;
  /** The encoding of the one face of a photo; rejected with kind `refused` where there is none. */
  encode(photo: Photo | Picture, options?: CallOptions): Promise<EncodedFace>;
  /** An outcome for each photo, in their order. A photo that is refused does not stop the others. */
  encodeMany(photos: Iterable<Photo>, options?: CallOptions): Promise<EncodeOutcome[]>;
  /** Every face of a photo of a group. */
  encodeFaces(photo: Photo | Picture, options?: CallOptions): Promise<FacesEncoded>;
  /** The faces in boxes that are known, in pixels of the upright picture: an outcome for each. */
  encodeAt(photo: Photo | Picture, boxes: readonly Box[], options?: CallOptions): Promise<EncodeOutcome[]>;
  /** One encoding of one or more photos of a person. */
  probe(photos: Photos, options?: CallOptions): Promise<Encoding>;
  /** Whether two photos, or two sets of photos, show one person. */
  compare(probe: Photos, gallery: Photos, options?: CompareOptions): Promise<Decision>;
  /** As `compare`, for encodings of this engine's model. */
  compareEncodings(
    probe: Vector,
    gallery: Vector,
    options?: Omit<CompareOptions, 'mixed_photos' | keyof LivenessOptions>,
  ): Promise<Decision>;
  /**
   * Whether photos of one face seem to show a living person: the score is above `min_score` (0.6). Networks that look
   * at single pictures are weak evidence; several shots count together.
   */
  liveness(photos: Photos | Picture, options?: { min_score?: number } & CallOptions): Promise<LivenessReport>;
  /** The name of the liveness networks, which are loaded by this; an error where they are not installed. */
  livenessModel(options?: CallOptions): Promise<string>;

  /**
   * Any verb of bindings/core by its name, with its request as an object or as JSON text. The answer is as in JSON:
   * vectors are base64 of little-endian 32-bit floats.
   */
  call(verb: string, request?: object | string, options?: { photos?: Photos } & CallOptions): Promise<unknown>;
  /** Frees the models once the calls that run have ended. Vaults that were opened with the engine keep it. */
  close(): Promise<void>;
  [Symbol.dispose](): void;
  [Symbol.asyncDispose](): Promise<void>;
}
