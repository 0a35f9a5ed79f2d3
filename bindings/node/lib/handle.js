'use strict';

// What an engine and a vault have in common: calls that run, and closing.

const { call } = require('./call.js');
const input = require('./input.js');

class Handle {
  #native;
  #running = new Set();
  #closing;

  constructor(native) {
    this.#native = native;
  }

  get native() {
    return this.#native;
  }

  // Calls a verb with a JSON request and photos, and answers what its JSON says.
  async json(verb, request, options, photos = []) {
    return this.text(verb, input.json(request, 'request'), options, photos);
  }

  async text(verb, text, options, photos) {
    return (await this.run((watch, nudge) => this.#native.call(verb, text, photos, watch, nudge), options)).value;
  }

  // Any verb by its name, with a request that is JSON already or is made JSON, and an answer as it is in JSON.
  call(verb, request, options) {
    const [{ photos, ...others }, callOptions] = input.split(options);
    input.callOptions(others);
    const text = typeof request === 'string' ? request : input.json(request, 'body');
    const taken = photos === undefined ? [] : input.onePhotoOrMore(photos, 'photos');
    return this.text(input.id(verb, 'verb'), text, callOptions, taken);
  }

  run(begin, options) {
    return call(begin, options, this.#running);
  }

  // Resolved once every call has ended and memory is free.
  close() {
    this.#closing ??= (async () => {
      const closed = call((watch) => this.#native.close(watch));
      await Promise.all([...this.#running, closed]);
      // So that whoever waits for those calls goes on first.
      await new Promise(setImmediate);
    })();
    return this.#closing;
  }
}

// `using` and `await using`, where the running Node.js or a polyfill knows them.
function disposable(type) {
  const method = (symbol, value) => {
    if (symbol) Object.defineProperty(type.prototype, symbol, { value, configurable: true, writable: true });
  };
  method(Symbol.dispose, function dispose() {
    this.close();
  });
  method(Symbol.asyncDispose, function asyncDispose() {
    return this.close();
  });
}

module.exports = { Handle, disposable };
