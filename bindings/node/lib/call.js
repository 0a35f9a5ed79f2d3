'use strict';

// One call of the native half as a promise, with an AbortSignal and a function that is told the progress.

const { FacevaultError } = require('./error.js');
const { callOptions } = require('./input.js');
const { native } = require('./native.js');

function cancelled(signal, message = 'the call was cancelled before it began') {
  return new FacevaultError(message, { kind: 'cancelled', cause: signal?.reason });
}

// Calls `begin(watch, nudge)` and answers `{value, floats, bytes}`. `running` keeps the call until it has ended.
async function call(begin, options, running) {
  const { signal, onProgress } = callOptions(options);
  if (signal?.aborted) throw cancelled(signal);

  const watch = new native.Watch();
  let thrown;
  const fail = (error) => {
    thrown ??= { error };
    watch.cancel();
  };
  const report = () => {
    const step = thrown ? null : watch.take();
    if (!step) return;
    try {
      const answer = onProgress({ ...step, total: step.total ?? null });
      // An async function's promise is not waited for, but its failure is that of the function.
      if (typeof answer?.then === 'function') answer.then(undefined, fail);
    } catch (error) {
      fail(error);
    } finally {
      watch.seen();
    }
  };

  let ended = false;
  const nudge = onProgress && (() => ended || report());
  const work = started(begin, watch, nudge);
  running?.add(work);
  work.finally(() => running?.delete(work));

  let forget;
  const withdrawn = new Promise((_, reject) => {
    // A call that runs ends by itself, soon and in order; one that still waits will never run.
    if (signal) forget = onAbort(signal, () => watch.cancel() && reject(cancelled(signal)));
  });
  try {
    const answer = await (signal ? Promise.race([work, withdrawn]) : work);
    if (onProgress) {
      report();
      // A promise that is rejected already says so first.
      await undefined;
    }
    if (thrown) throw thrown.error;
    return unwrapped(answer, signal);
  } finally {
    ended = true;
    forget?.();
  }
}

// What is done as a signal aborts. A signal has one listener however many calls it is for, since Node.js warns of more
// than ten.
const callbacks = new WeakMap();

function onAbort(signal, callback) {
  let known = callbacks.get(signal);
  if (!known) {
    known = new Set();
    callbacks.set(signal, known);
  }
  if (known.size === 0) {
    known.listener = () => [...known].forEach((each) => each());
    signal.addEventListener('abort', known.listener);
  }
  known.add(callback);
  return () => {
    known.delete(callback);
    if (known.size === 0) signal.removeEventListener('abort', known.listener);
  };
}

// A promise that is never rejected; what the native half throws about its arguments becomes an answer like others.
async function started(begin, watch, nudge) {
  try {
    return await begin(watch, nudge);
  } catch (cause) {
    return { cause };
  }
}

function unwrapped({ error, json, floats, bytes, cause }, signal) {
  if (cause) throw new FacevaultError(`an argument is of the wrong type: ${cause.message}`, { kind: 'invalid', cause });
  if (error) {
    const parsed = JSON.parse(error);
    throw FacevaultError.fromJson(parsed, parsed.error === 'cancelled' ? signal?.reason : undefined);
  }
  return { value: JSON.parse(json), floats, bytes };
}

exports.call = call;
