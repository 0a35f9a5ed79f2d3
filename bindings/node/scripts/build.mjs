// Compiles the native half and puts it beside index.js. `--dev` compiles for development and tests: faster to build,
// slower to run. `--bench` adds what bench/overhead.mjs compares with, `--features encryption` encrypted vaults.

import { spawnSync } from 'node:child_process';
import { copyFileSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = join(dirname(fileURLToPath(import.meta.url)), '..');
const dev = process.argv.includes('--dev');

function run(program, ...args) {
  const { status, error, stdout } = spawnSync(program, args, {
    cwd: here,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    stdio: ['inherit', 'pipe', 'inherit'],
  });
  if (error?.code === 'ENOENT') return null;
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
  return stdout;
}

const profile = dev ? [] : ['--release'];
const asked = process.argv.indexOf('--features');
const features = asked < 0 ? [] : [process.argv[asked + 1] ?? ''];
if (process.argv.includes('--bench')) features.push('bench');
if (features.length > 0) profile.push('--features', features.join(','));
const messages = run('cargo', 'build', '--locked', '-p', 'facevault-node', ...profile, '--message-format', 'json');
if (messages === null) {
  console.error('there is no cargo; install Rust 1.92 or later and a C compiler (https://rustup.rs), then try again');
  process.exit(1);
}
const [library] = messages
  .split('\n')
  .filter((line) => line.startsWith('{'))
  .map((line) => JSON.parse(line))
  .filter((message) => message.reason === 'compiler-artifact' && message.target.name === 'facevault_node')
  .flatMap((message) => message.filenames)
  .filter((name) => /\.(so|dylib|dll)$/.test(name));
const file = join(here, `facevault.${process.platform}-${process.arch}.node`);
// A process that has the old file loaded keeps it.
copyFileSync(library, `${file}.new`);
// Names of functions that nobody outside can call only make the file larger.
if (process.platform === 'linux') run('strip', '--strip-unneeded', `${file}.new`);
renameSync(`${file}.new`, file);
console.log(`built ${file}`);
