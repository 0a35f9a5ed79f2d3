'use strict';

// Loads the native half of the package.

const { isMainThread } = require('node:worker_threads');
const { FacevaultError } = require('./error.js');

const file = `facevault.${process.platform}-${process.arch}.node`;

function load() {
  // ONNX Runtime is not to send what it measures. Node changes the environment under a lock of its own, so this is done
  // here rather than when the first engine is opened; a worker has a copy of the environment only.
  if (isMainThread) process.env.ORT_DISABLE_TELEMETRY ??= '1';
  try {
    return require(`../${file}`);
  } catch (cause) {
    const found = cause.code === 'MODULE_NOT_FOUND' ? `this package has no ${file}` : `${file} cannot be loaded`;
    throw new FacevaultError(
      `${found}; a binary for glibc on Linux x64 comes with the package, on other systems build it from source ` +
        '(npm run build in bindings/node of facevault)',
      { kind: 'unsupported', cause },
    );
  }
}

const native = load();

// Photos that are worked on as the process ends are waited for: ONNX Runtime would crash otherwise. A worker that is
// terminated has no such event; a hook of the native half does the same there.
const exit = new native.Exit();
process.on('exit', () => exit.stop());

module.exports = { exit, native };
