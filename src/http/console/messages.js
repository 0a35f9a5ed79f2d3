// Failures in words.

import { words } from "./strings.js";

// What went wrong, as lines of text.
export function explain(failure) {
  if (failure.status === undefined) return [failure.message];
  if (failure.status === 0) return [words.failures.offline];
  const refused = refusals(failure);
  if (refused.length > 0) return refused.flatMap((refusal) => refusedLines(refusal));
  const details = failure.body.details;
  if (details) return details.map(({ field, message }) => inWords(field, message));
  if (Object.hasOwn(words.failures, failure.word)) return [words.failures[failure.word]];
  if (failure.status === 503 && failure.body.error) return [failure.body.error];
  return [words.failures.other(failure.status, failure.body.error || failure.word)];
}

// The refused photos of a failure; each has its place in the request as `index`.
export function refusals(failure) {
  return (failure.body?.images || []).filter((image) => image.status === "refused");
}

// A refusal in words: why, then what was found and what to do.
export function refusedLines(refusal) {
  return [words.refusals[refusal.code] || words.refusals.other, sentence(refusal.message)];
}

// The broken rule about each field, by the field's first name.
export function broken(failure) {
  const rules = new Map();
  for (const { field, message } of failure.body?.details || []) {
    const name = field.split(/[.[]/)[0];
    if (!rules.has(name)) rules.set(name, inWords(field, message));
  }
  return rules;
}

// Whether somebody else changed the person meanwhile.
export function isConflict(failure) {
  if (failure.status === 412 && failure.body.error === "Changed meanwhile") return true;
  return failure.status === 409 && (failure.body.details || []).some(({ field }) => field === "updatedAt");
}

// A rule begins with the field's name in quotes; people know it by its label.
function inWords(field, message) {
  const [name, ...rest] = field.split(/[.[]/);
  const label = words.person[name] || words.collections[name] || name;
  const part = rest.length > 0 && name === "attributes" ? ` ${rest.join(".")}` : "";
  const rule = message.startsWith("\u0022") ? message.slice(message.indexOf("\u0022", 1) + 1).trim() : message;
  return sentence(typeof label === "string" ? `${label}${part} ${rule}` : message);
}

// With a capital letter and a full stop.
function sentence(text) {
  const capital = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?…]$/.test(capital) ? capital : `${capital}.`;
}
