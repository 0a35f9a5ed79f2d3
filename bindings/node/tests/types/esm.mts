// Compiled, not run: what the declarations allow, and what they do not.

import facevault, { Engine, FacevaultError, Vault, hasEncryption, rekey, setup, version } from 'facevault';
import type { Candidate, Person, PersonUpdate, Photo, Progress, Refused, Signal } from 'facevault';

declare const signal: Signal;

export async function main(bytes: Uint8Array): Promise<string> {
  const { installed } = await setup({
    pack: 'standard',
    onProgress: ({ done, total }: Progress) => void [done, total],
  });
  const first: string | undefined = installed[0];
  const engine: Engine = await Engine.open({ threads: 2, rules: { seek: { turn: false }, quality: { min_size: 60 } } });
  const { encoding } = await engine.encode(bytes, { signal });
  const norm: number = Math.hypot(...encoding);
  for (const outcome of await engine.encodeMany(['a.jpg', bytes, { href: 'file:///a.jpg', protocol: 'file:' }])) {
    if (outcome.status === 'ok') void outcome.encoding.length;
    else void (outcome satisfies Refused).code;
  }
  const picture = await engine.decode('a.jpg');
  const { faces } = await engine.detect(picture);
  void faces[0]?.landmarks.left_mouth?.[0];

  const vault = await Vault.open('people.vault', { engine, client: 'shop' });
  const person: Person = await vault.createPerson({
    name: 'Ada',
    images: ['a.jpg'],
    unless_known: { face: { fmr: 1e-4 } },
  });
  const update: PersonUpdate = {
    gender: null,
    add_images: new Set<Photo>(['b.jpg']),
    expected_version: person.version,
  };
  await vault.updatePerson(person._id, update);
  const best: Candidate | undefined = (await vault.identify('c.jpg', { max_results: 1, operating_point: 'fpir=0.01' }))
    .candidates[0];
  for await (const one of vault.eachPerson({ name_contains: 'a' })) void one.image_count;
  for (const face of await vault.identifyFaces(bytes)) {
    void (face.status === 'ok' ? face.candidates : face.message);
  }
  try {
    await vault.removePerson(person._id);
  } catch (error) {
    if (error instanceof FacevaultError && error.kind === 'not_found') void error.violations[0]?.rule;
  }

  const { live, shots } = await engine.liveness(['a.jpg', bytes], { min_score: 0.7 });
  void (live && shots[0]?.networks[0]);
  void ((await engine.liveness(picture)).score, (await engine.livenessModel()).length);
  const found = await vault.verify(person._id, 'c.jpg', { liveness: 'require', liveness_min_score: 0.7 });
  void found.liveness?.toFixed(2);
  if (hasEncryption) {
    const same: boolean = await rekey('people.vault', { from: { key: bytes }, to: { passphrase: 'x' } });
    void [same, await rekey('people.vault', { to: { key: bytes } }), await Vault.open('a.vault', { key: bytes })];
  }
  const { token } = await vault.createToken({ expires_at: new Date() });
  const holder = await vault.authenticate(token);
  if (holder.access === 'granted') await vault.as({ token, min_liveness: 0.6 });
  void (await vault.checkReceipt('x', { id: 'ada', photos: [bytes] })).entry.kind;

  // @ts-expect-error There is no such policy.
  await vault.identify('c.jpg', { liveness: 'maybe' });
  // @ts-expect-error An encoding tells nothing of liveness.
  await vault.identifyEncodings([encoding], { liveness: 'report' });
  // @ts-expect-error A vault has one key.
  await rekey('people.vault', { to: { key: bytes, passphrase: 'x' } });
  // @ts-expect-error A photo is no number.
  await engine.encode(5);
  // @ts-expect-error A person has a name.
  await vault.createPerson({ images: [] });
  // @ts-expect-error A name is not cleared.
  await vault.updatePerson(person._id, { name: null });
  // @ts-expect-error There is no such gender.
  await vault.updatePerson(person._id, { gender: 'X' });
  // @ts-expect-error Engines are opened, not made.
  new Engine();
  // @ts-expect-error There is no such kind.
  if ((new Error() as FacevaultError).kind === 'nonsense') return '';
  // @ts-expect-error There is no such option.
  await vault.identify('c.jpg', { max_result: 1 });

  await Promise.all([vault.close(), engine[Symbol.asyncDispose]()]);
  return `${facevault.version === version} ${first} ${norm} ${best?.name ?? 'unknown'}`;
}
