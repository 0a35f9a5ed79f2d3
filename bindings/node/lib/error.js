'use strict';

// The one error of this package.

class FacevaultError extends Error {
  constructor(message, { kind, violations = [], images = [], duplicate = null, cause } = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.kind = kind;
    this.violations = violations;
    this.images = images;
    this.duplicate = duplicate;
  }

  // An error's message is no field that JSON takes by itself; nor is its class.
  toJSON() {
    const { kind, message, violations, images, duplicate } = this;
    return { name: 'FacevaultError', kind, message, violations, images, duplicate };
  }

  // As facevault writes an error in JSON.
  static fromJson({ error, message, details, images, duplicate }, cause) {
    return new FacevaultError(message, { kind: error, violations: details, images, duplicate, cause });
  }

  // An argument that breaks a rule; the rule is the end of a sentence that starts with the field.
  static invalid(field, rule, cause) {
    const violations = [{ field, rule }];
    return new FacevaultError(`"${field}" ${rule}`, { kind: 'invalid', violations, cause });
  }
}

Object.defineProperty(FacevaultError.prototype, 'name', {
  value: 'FacevaultError',
  configurable: true,
  writable: true,
});

exports.FacevaultError = FacevaultError;
