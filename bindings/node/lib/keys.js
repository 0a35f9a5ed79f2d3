'use strict';

// Keys of encrypted vaults. Nothing here keeps one or shows it.

const { types } = require('node:util');
const { call } = require('./call.js');
const { FacevaultError } = require('./error.js');
const input = require('./input.js');
const { exit, native } = require('./native.js');

const RULE = 'must be a Uint8Array of 32 random bytes';

// Takes `key` and `passphrase` out of a request, as its JSON has them.
function withKey({ key, passphrase, ...rest }, prefix = '') {
  const request = rest;
  if (key !== undefined && key !== null) {
    if (!types.isUint8Array(key) || key.length !== 32) throw FacevaultError.invalid(`${prefix}key`, RULE);
    request.key = Buffer.from(key.buffer, key.byteOffset, key.length).toString('hex');
  }
  if (passphrase !== undefined && passphrase !== null) request.passphrase = input.id(passphrase, `${prefix}passphrase`);
  return request;
}

// Encrypts, decrypts or gives another key.
async function rekey(path, options) {
  const [{ from, to, ...others }, callOptions] = input.split(options);
  input.callOptions(others);
  const request = {};
  for (const [field, value] of Object.entries({ from, to })) {
    if (value === undefined || value === null) continue;
    if (typeof value !== 'object') throw FacevaultError.invalid(field, 'must be an object with key or passphrase');
    request[field] = withKey(value, `${field}.`);
  }
  const [file, text] = [input.path(path, 'path'), input.json(request, 'options')];
  const begin = (watch, nudge) => native.rekey(exit, file, text, watch, nudge);
  return (await call(begin, callOptions)).value.changed;
}

module.exports = { rekey, withKey };
