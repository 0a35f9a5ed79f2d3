// Where the photos and packs of tests are. What is missing skips a test, or fails it where FACEVAULT_REQUIRE_DATA is 1.

import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const here = dirname(fileURLToPath(import.meta.url));
export const root = join(here, '..', '..', '..');
export const packageFolder = join(here, '..');

const { FACEVAULT_HOME, XDG_DATA_HOME, FACEVAULT_TEST_DATA, FACEVAULT_REQUIRE_DATA, FACEVAULT_LIVENESS_MODELS } =
  process.env;
export const home = FACEVAULT_HOME || join(XDG_DATA_HOME || join(homedir(), '.local', 'share'), 'facevault');
export const shared = FACEVAULT_TEST_DATA || join(root, '..', 'shared');

// A sample photo of `facevault demo`.
export const sample = (name) => join(home, 'samples', `${name}.jpg`);

export const hasPack = (name) => existsSync(join(home, 'packs', name));

// The liveness networks: a folder, or the installed ones.
export const liveness = FACEVAULT_LIVENESS_MODELS || 'liveness';
export const hasLiveness = existsSync(FACEVAULT_LIVENESS_MODELS || join(home, 'liveness', 'liveness'));

// The options of tests that need an installed pack and the sample photos.
export const needs = (...packs) => {
  const missing = packs.filter((pack) => !hasPack(pack)).map((pack) => `the pack ${pack}`);
  if (!existsSync(sample('obama'))) missing.push('the photos of `facevault demo`');
  return skipped(missing);
};

export function skipped(missing) {
  if (missing.length === 0) return {};
  if (FACEVAULT_REQUIRE_DATA === '1') throw new Error(`${missing.join(', ')} missing, and FACEVAULT_REQUIRE_DATA is 1`);
  return { skip: `${missing.join(', ')} missing` };
}
