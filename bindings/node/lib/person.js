'use strict';

// Persons as requests have them: photos travel beside the JSON, encodings in it as base64.

const { FacevaultError } = require('./error.js');
const input = require('./input.js');
const { fromVectors } = require('./vectors.js');

function fields(value, field) {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw FacevaultError.invalid(field, 'must be an object');
  }
  return value;
}

// Absent where it is undefined; `null` is no list.
function list(value, field, read) {
  if (value === undefined) return undefined;
  if (value === null) throw FacevaultError.invalid(field, 'must not be null');
  return read(value, field);
}

function personRequest(person, prefix = '') {
  const { images, encodings, ...rest } = fields(person, `${prefix}person`);
  input.day(rest.date_of_birth, `${prefix}date_of_birth`);
  const photos = list(images, `${prefix}images`, input.photos) ?? [];
  const vectors = list(encodings, `${prefix}encodings`, fromVectors);
  return { request: vectors ? { ...rest, encodings: vectors } : rest, photos };
}

// `images` and `encodings` take the place of all photos, `add_images` and `add_encodings` come behind them.
function updateRequest(update) {
  const { images, add_images, encodings, add_encodings, ...rest } = fields(update, 'update');
  input.day(rest.date_of_birth, 'date_of_birth');
  const given = Object.entries({ images, add_images, encodings, add_encodings }).filter(
    ([, value]) => value !== undefined,
  );
  if (given.length > 1) {
    throw FacevaultError.invalid(given[1][0], `must not come together with "${given[0][0]}" in one update`);
  }
  if (given.length === 0) return { request: rest, photos: [] };
  const [[field, value]] = given;
  const isPhotos = field.endsWith('images');
  const taken = list(value, field, isPhotos ? input.photos : fromVectors);
  const change = field.startsWith('add_') ? 'add' : taken.length === 0 ? 'clear' : 'replace';
  const request = { ...rest, images: change };
  if (isPhotos) return { request, photos: taken };
  return { request: taken.length > 0 ? { ...request, encodings: taken } : request, photos: [] };
}

module.exports = { personRequest, updateRequest };
