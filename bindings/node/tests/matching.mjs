// Variables and expected values of bindings/conformance.

// A request with its variables filled in.
export function substituted(value, variables) {
  if (typeof value === 'string') return textOf(value, variables);
  if (Array.isArray(value)) return value.map((item) => substituted(item, variables));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, substituted(item, variables)]));
}

function textOf(text, variables) {
  const [, name, rest] = /^\$([a-z0-9_]+)([^]*)$/.exec(text) ?? [];
  if (name === undefined || !(name in variables)) return text;
  return rest === '' ? variables[name] : variables[name] + rest;
}

const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);

const shown = (value) => JSON.stringify(value)?.slice(0, 300);

// Why `found` is not what is expected, or null. Variables without a value take the found one.
export function matches(expected, found, variables, tolerance, place = 'found') {
  const differs = () => `${place}: expected ${shown(expected)}, found ${shown(found)}`;
  if (expected === '*') return found === undefined ? differs() : null;
  if (typeof expected === 'string' && /^\$[a-z0-9_]+$/.test(expected)) {
    const name = expected.slice(1);
    if (found === undefined) return differs();
    if (name in variables) return matches(variables[name], found, {}, tolerance, place);
    variables[name] = found;
    return null;
  }
  if (typeof expected === 'number') {
    const most = tolerance * Math.max(Math.abs(expected), Math.abs(found));
    return typeof found === 'number' && Math.abs(expected - found) <= most ? null : differs();
  }
  if (Array.isArray(expected)) {
    if (!Array.isArray(found) || found.length !== expected.length) return differs();
    return first(
      expected.map((item, index) => [item, found[index], `${place}[${index}]`]),
      variables,
      tolerance,
    );
  }
  if (isObject(expected) && 'components' in expected) {
    return vectorMatches(expected, found, tolerance) ? null : differs();
  }
  if (isObject(expected)) {
    if (!isObject(found)) return differs();
    const members = Object.entries(expected).map(([key, item]) => [item, found[key], `${place}.${key}`]);
    return first(members, variables, tolerance);
  }
  return (typeof expected === 'string' ? textOf(expected, variables) : expected) === found ? null : differs();
}

function first(pairs, variables, tolerance) {
  for (const [expected, found, place] of pairs) {
    const difference = matches(expected, found, variables, tolerance, place);
    if (difference) return difference;
  }
  return null;
}

function vectorMatches({ components, count }, found, tolerance) {
  if (typeof found !== 'string') return false;
  const bytes = Buffer.from(found, 'base64');
  if (bytes.length !== 4 * count) return false;
  const vector = Array.from({ length: count }, (_, index) => bytes.readFloatLE(4 * index));
  const most = tolerance * Math.hypot(...vector);
  return components.every((component, index) => Math.abs(component - vector[index]) <= most);
}
