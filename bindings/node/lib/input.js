'use strict';

// Arguments as the native half takes them.

const { fileURLToPath } = require('node:url');
const { types } = require('node:util');
const { FacevaultError } = require('./error.js');

const PHOTO = 'must be the path of a photo, its file: URL, or its bytes as Buffer, Uint8Array or ArrayBuffer';

// A path, or bytes as Uint8Array.
function photo(value, field = 'photo') {
  if (typeof value === 'string') {
    if (value === '' || value.includes('\0')) throw FacevaultError.invalid(field, PHOTO);
    return value;
  }
  if (types.isUint8Array(value)) return value;
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  if (types.isAnyArrayBuffer(value)) return new Uint8Array(value);
  if (isUrl(value)) return pathOf(value, field);
  throw FacevaultError.invalid(field, PHOTO);
}

function photos(value, field = 'photos') {
  if (!isList(value)) throw FacevaultError.invalid(field, 'must be a list of photos');
  return Array.from(value, (item, index) => photo(item, `${field}[${index}]`));
}

// One photo or a list of them.
function onePhotoOrMore(value, field) {
  return isList(value) ? photos(value, field) : [photo(value, field)];
}

// Strings and bytes are iterable too, but no lists.
function isList(value) {
  return typeof value === 'object' && value !== null && !ArrayBuffer.isView(value) && Symbol.iterator in value;
}

function isUrl(value) {
  return typeof value === 'object' && value !== null && typeof value.href === 'string' && 'protocol' in value;
}

function pathOf(url, field) {
  try {
    return fileURLToPath(url.href);
  } catch (cause) {
    throw FacevaultError.invalid(field, PHOTO, cause);
  }
}

// A path to a file of the caller's, as text.
function path(value, field) {
  const text = isUrl(value) ? pathOf(value, field) : value;
  if (typeof text !== 'string' || text === '' || text.includes('\0')) {
    throw FacevaultError.invalid(field, 'must be a path or a file: URL');
  }
  return text;
}

// `{data, width, height}`: RGB, three bytes a pixel, row by row.
function isPicture(value) {
  return typeof value === 'object' && value !== null && 'data' in value && 'width' in value && 'height' in value;
}

function picture(value, field = 'picture') {
  if (!isPicture(value)) throw FacevaultError.invalid(field, 'must be {data, width, height}');
  const side = (name) => {
    const pixels = value[name];
    if (!Number.isInteger(pixels) || pixels < 1 || pixels > 0xffff_ffff) {
      throw FacevaultError.invalid(`${field}.${name}`, 'must be a whole number of pixels, at least 1');
    }
    return pixels;
  };
  const [width, height] = [side('width'), side('height')];
  const { data } = value;
  if (!types.isUint8Array(data) && !types.isUint8ClampedArray(data)) {
    throw FacevaultError.invalid(`${field}.data`, 'must be a Uint8Array of RGB, three bytes a pixel');
  }
  if (data.length !== width * height * 3) {
    throw FacevaultError.invalid(
      `${field}.data`,
      `must have 3 bytes for each of ${width} x ${height} pixels, ${width * height * 3}, has ${data.length}`,
    );
  }
  return { data: new Uint8Array(data.buffer, data.byteOffset, data.length), width, height };
}

// A request as JSON text. What is undefined is absent.
function json(value, field) {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw FacevaultError.invalid(field, 'must be an object');
  }
  try {
    return JSON.stringify(value);
  } catch (cause) {
    throw FacevaultError.invalid(field, 'must be an object that can be written as JSON', cause);
  }
}

// Parts the options of a method into those of every call and those of its request.
function split(options = {}) {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw FacevaultError.invalid('options', 'must be an object');
  }
  const { signal, onProgress, ...request } = options;
  return [request, { signal, onProgress }];
}

// Checks the options of every call. Others are refused, so that none is passed over that was meant for a request.
function callOptions(options = {}) {
  const [others, { signal, onProgress }] = split(options);
  const unknown = Object.keys(others).find((key) => others[key] !== undefined);
  if (unknown !== undefined) {
    throw FacevaultError.invalid(
      unknown,
      'is no option of this call, which takes "signal" and "onProgress"; fields of a request belong into the request',
    );
  }
  if (
    signal !== undefined &&
    !(typeof signal?.addEventListener === 'function' && typeof signal.aborted === 'boolean')
  ) {
    throw FacevaultError.invalid('signal', 'must be an AbortSignal');
  }
  if (onProgress !== undefined && typeof onProgress !== 'function') {
    throw FacevaultError.invalid('onProgress', 'must be a function');
  }
  return { signal, onProgress };
}

// A Date is a moment: which day that is depends on the time zone, and JSON would have the day in UTC.
function day(value, field) {
  if (types.isDate(value)) {
    throw FacevaultError.invalid(field, 'must be a text like "1990-01-31" or {year, month, day}, not a Date');
  }
}

// An id, as text.
function id(value, field = 'id') {
  if (typeof value !== 'string') throw FacevaultError.invalid(field, 'must be a string');
  return value;
}

module.exports = { callOptions, day, id, isPicture, json, onePhotoOrMore, path, photo, photos, picture, split };
