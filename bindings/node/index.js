'use strict';

const { Engine } = require('./lib/engine.js');
const { FacevaultError } = require('./lib/error.js');
const { rekey } = require('./lib/keys.js');
const { setup } = require('./lib/setup.js');
const { Vault } = require('./lib/vault.js');
const { native } = require('./lib/native.js');

module.exports = {
  Engine,
  FacevaultError,
  Vault,
  hasEncryption: native.hasEncryption(),
  rekey,
  setup,
  version: native.version(),
};
