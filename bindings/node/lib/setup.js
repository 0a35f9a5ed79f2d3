'use strict';

const { call } = require('./call.js');
const input = require('./input.js');
const { exit, native } = require('./native.js');

// Installs a pack and ONNX Runtime where they are missing.
async function setup(options) {
  const [request, callOptions] = input.split(options);
  for (const field of ['data_dir', 'from', 'python', 'npm']) {
    if (request[field] !== undefined) request[field] = input.path(request[field], field);
  }
  const text = input.json(request, 'options');
  return (await call((watch, nudge) => native.setup(exit, text, watch, nudge), callOptions)).value;
}

exports.setup = setup;
