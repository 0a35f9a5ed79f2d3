'use strict';

const { Engine } = require('./lib/engine.js');
const { FacevaultError } = require('./lib/error.js');
const { setup } = require('./lib/setup.js');
const { Vault } = require('./lib/vault.js');
const { native } = require('./lib/native.js');

module.exports = { Engine, FacevaultError, Vault, setup, version: native.version() };
