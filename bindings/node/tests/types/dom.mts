// Compiled with the declarations of browsers, whose types of the same names must fit.

import { Engine } from 'facevault';

export async function main(file: ArrayBuffer): Promise<Float32Array> {
  const engine = await Engine.open();
  const controller = new AbortController();
  await engine.encode(new URL('file:///a.jpg'), { signal: controller.signal });
  return (await engine.encode(file, { signal: AbortSignal.timeout(1000) })).encoding;
}
