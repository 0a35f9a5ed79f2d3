import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';

import * as esm from '../index.mjs';
import { here, packageFolder, skipped } from './data.mjs';

const compiler = join(packageFolder, 'node_modules', 'typescript', 'bin', 'tsc');
const options = skipped(existsSync(compiler) ? [] : ['TypeScript (npm install)']);

function compile(project, ...args) {
  const folder = join(here, 'types');
  const { status, stdout } = spawnSync(process.execPath, [compiler, '-p', project, ...args], {
    cwd: folder,
    encoding: 'utf8',
  });
  return { status, stdout };
}

test('the declarations are those of the tests, as ES module and CommonJS', options, () => {
  assert.deepEqual(compile('tsconfig.json'), { status: 0, stdout: '' });
});

test('the declarations fit those of browsers', options, () => {
  assert.deepEqual(compile('dom.json'), { status: 0, stdout: '' });
  // The same without them shows that the compiler looks.
  const { status, stdout } = compile('dom.json', '--lib', 'es2022');
  assert.notEqual(status, 0);
  assert.match(stdout, /AbortController/);
});

test('both kinds of modules are one package, and every method is declared', () => {
  const cjs = createRequire(import.meta.url)('../index.js');
  assert.deepEqual(Object.keys(cjs).sort(), ['Engine', 'FacevaultError', 'Vault', 'hasEncryption', 'rekey', 'setup', 'version']);
  for (const [name, value] of Object.entries(cjs)) assert.equal(esm[name], value);
  assert.equal(esm.default, cjs);
  for (const [type, file] of [
    [cjs.Engine, 'engine'],
    [cjs.Vault, 'vault'],
  ]) {
    const declared = readFileSync(join(packageFolder, 'types', `${file}.d.ts`), 'utf8');
    for (const name of Object.getOwnPropertyNames(type.prototype).filter((name) => name !== 'constructor')) {
      assert.match(declared, new RegExp(`^  (readonly )?${name}[(:<]`, 'm'), `${file}.d.ts lacks ${name}`);
    }
  }
});
