// Compiled, not run: the same package for CommonJS, with `using`.

import facevault = require('facevault');

export async function main(): Promise<number> {
  await using engine = await facevault.Engine.open();
  using vault = await facevault.Vault.inMemory({ engine });
  const page = await vault.persons({ limit: 5 });
  return page.total;
}
