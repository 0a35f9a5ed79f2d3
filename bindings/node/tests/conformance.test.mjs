// Runs bindings/conformance/cases.json, once by the names of verbs and once by this package's own methods.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { Engine, FacevaultError, Vault } from '../index.mjs';
import { hasLiveness, hasPack, liveness, root, shared, skipped } from './data.mjs';
import { matches, substituted } from './matching.mjs';
import { methods } from './methods.mjs';

const file = process.env.FACEVAULT_CASES || join(root, 'bindings', 'conformance', 'cases.json');
const { tolerance, cases } = JSON.parse(readFileSync(file, 'utf8'));

// One engine for all cases that want the same.
const engines = new Map();
const engineOf = (options) => {
  const key = JSON.stringify(options);
  if (!engines.has(key)) engines.set(key, Engine.open(options));
  return engines.get(key);
};
after(async () => {
  for (const engine of engines.values()) await (await engine).close();
});

const photoOf = async (name) =>
  name.startsWith('text:') ? Buffer.from(name.slice('text:'.length)) : readFile(join(shared, name));

// An error as cases expect it.
function errorOf(error) {
  assert.ok(error instanceof FacevaultError, error?.stack);
  const { kind, violations, images, duplicate } = error;
  return { error: kind, fields: violations.map(({ field }) => field), details: violations, images, duplicate };
}

async function openVault({ path, ...request }, engine) {
  const { mode, ...options } = request;
  if (path === undefined && (mode ?? 'memory') === 'memory') return Vault.inMemory({ ...options, engine });
  const method = { create: 'create', open_or_create: 'openOrCreate', read_only: 'openReadOnly' }[mode];
  return method ? Vault[method](path, { ...options, engine }) : Vault.open(path, { ...request, engine });
}

// What a step is done with: the handles that are open.
class Stage {
  constructor(engine, vault, typed) {
    Object.assign(this, { engine, vault, typed, opened: [] });
  }

  async call(on, verb, request, photos, options) {
    const target = this[on];
    const method = this.typed && typeof request === 'object' ? methods[on][verb] : undefined;
    return method?.(target, request, photos, options) ?? target.call(verb, request, { ...options, photos });
  }

  async step({ on, verb, request = {}, photos, cancel, same_as: sameAs }) {
    const bytes = await Promise.all((photos ?? []).map(photoOf));
    const controller = new AbortController();
    const options = cancel ? { signal: controller.signal, onProgress: () => controller.abort() } : {};
    switch (on) {
      case 'vault':
      case 'engine':
        return this.call(on, verb, Array.isArray(request) ? JSON.stringify(request) : request, bytes, options);
      case 'bytes': {
        const found = await this.vault[verb](request.id, request.image);
        if (sameAs) assert.deepEqual(found, await photoOf(sameAs));
        return { size: found.length, start: found.subarray(0, 3).toString('hex') };
      }
      case 'open_engine':
        this.engine = await Engine.open(request);
        this.opened.push(this.engine);
        return this.engine.describe();
      case 'open_vault':
        await this.vault?.close();
        this.vault = await openVault(request, this.engine);
        this.opened.push(this.vault);
        return this.vault.describe();
      case 'vault_as':
        this.vault = await this.vault.as(request);
        this.opened.push(this.vault);
        return this.vault.describe();
      default:
        throw new Error(`a step on ${on} is not known`);
    }
  }

  async run(steps, variables) {
    for (const [index, step] of steps.entries()) {
      const place = `step ${index + 1}, ${step.on} ${step.verb ?? ''} ${JSON.stringify(step.request ?? {})}`;
      const asked = { ...step, request: substituted(step.request ?? {}, variables) };
      const found = await this.step(asked).then(
        (answer) => ({ answer }),
        (error) => errorOf(error),
      );
      const expected = step.expect;
      if ('answer' in expected && !('answer' in found)) {
        assert.fail(`${place}: expected an answer, found ${JSON.stringify(found)}`);
      }
      const difference = matches(expected, found, variables, tolerance);
      assert.equal(difference, null, `${place}: ${difference}`);
    }
  }
}

async function runCase(one, typed) {
  const dir = await mkdtemp(join(tmpdir(), 'facevault-case-'));
  const variables = { ...one.variables, dir, liveness, cases: file };
  const stages = [];
  try {
    const engine = one.engine && (await engineOf(one.engine));
    const vault = one.vault && (await openVault(substituted(one.vault, variables), engine));
    const threads = Array.from({ length: one.threads ?? 1 }, (_, thread) => {
      const stage = new Stage(engine, vault, typed);
      stages.push(stage);
      return stage.run(one.steps, { ...variables, thread: String(thread) });
    });
    await Promise.all(threads);
    await vault?.close();
  } finally {
    await Promise.all(stages.flatMap(({ opened }) => opened.map((handle) => handle.close())));
    await rm(dir, { recursive: true });
  }
}

for (const one of cases) {
  const there = { photos: existsSync(shared), liveness: hasLiveness };
  const missing = (one.needs ?? []).filter((need) => !(there[need] ?? hasPack(need)));
  const options = skipped(missing);
  test(`${one.name}, by verbs`, options, () => runCase(one, false));
  test(`${one.name}, by methods`, options, () => runCase(one, true));
}
