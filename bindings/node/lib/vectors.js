'use strict';

// Face encodings between JavaScript and JSON, where they are base64 of little-endian 32-bit floats.

const os = require('node:os');
const { types } = require('node:util');
const { FacevaultError } = require('./error.js');

const swapped = os.endianness() === 'BE';

function toVector(base64) {
  const bytes = Buffer.from(base64, 'base64');
  if (swapped) bytes.swap32();
  // Small buffers share memory at any offset; floats need one of their own.
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
}

function fromVector(vector, field) {
  const floats = types.isFloat32Array(vector) ? vector : list(vector, field);
  const bytes = Buffer.from(floats.buffer, floats.byteOffset, floats.byteLength);
  return (swapped ? Buffer.from(bytes).swap32() : bytes).toString('base64');
}

function list(vector, field) {
  const isNumbers = (Array.isArray(vector) || types.isFloat64Array(vector)) && vector.every(isFloat);
  if (!isNumbers) throw FacevaultError.invalid(field, 'must be a Float32Array');
  return Float32Array.from(vector);
}

function isFloat(value) {
  return typeof value === 'number' && Number.isFinite(value);
}

function fromVectors(vectors, field) {
  if (!Array.isArray(vectors)) throw FacevaultError.invalid(field, 'must be a list of Float32Array');
  return vectors.map((vector, index) => fromVector(vector, `${field}[${index}]`));
}

// Makes a vector of the base64 in an answer that has one.
function withVector(answer) {
  if (typeof answer.encoding === 'string') answer.encoding = toVector(answer.encoding);
  return answer;
}

module.exports = { fromVector, fromVectors, withVector };
