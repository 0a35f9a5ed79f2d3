// Runs before `npm pack`: the package needs its binary, the licence, and those of what is linked into the binary.

import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = join(dirname(fileURLToPath(import.meta.url)), '..');
const binary = 'facevault.linux-x64.node';
if (!existsSync(join(here, binary))) {
  console.error(`${binary} is not there; run \`npm run build\` on Linux x64 first`);
  process.exit(1);
}
copyFileSync(join(here, '..', '..', 'LICENSE-MIT'), join(here, 'LICENSE'));

const { hasEncryption } = createRequire(import.meta.url)('../index.js');
const features = hasEncryption ? ['encryption'] : [];
const notices = ['facevault-node', join(here, 'LICENSE-THIRD-PARTY'), ...features];
// What npm itself writes may be read as JSON.
const { error, status } = spawnSync('python3', [join(here, '..', 'licences'), ...notices], { stdio: ['ignore', 2, 2] });
if (error || status !== 0) {
  console.error(`the licences of the crates in the binary cannot be listed: ${error?.message ?? `exit code ${status}`}`);
  process.exit(1);
}
