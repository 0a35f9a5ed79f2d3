// Runs before `npm pack`: the package needs its binary and the licence.

import { copyFileSync, existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = join(dirname(fileURLToPath(import.meta.url)), '..');
const binary = 'facevault.linux-x64.node';
if (!existsSync(join(here, binary))) {
  console.error(`${binary} is not there; run \`npm run build\` on Linux x64 first`);
  process.exit(1);
}
copyFileSync(join(here, '..', '..', 'LICENSE-MIT'), join(here, 'LICENSE'));
