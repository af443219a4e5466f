// Waiting for things, never for time: whatever doesn't come fails the test with
// a sentence that says what was missing.

const patience = 15_000;

// within settles like the promise, or rejects when it takes too long.
export function within(promise, what, milliseconds = patience) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${milliseconds} ms in vain for ${what}`)), milliseconds);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

// Inbox keeps what a listener is called with until the test asks for it.
export class Inbox {
  #name;
  #values = [];
  #takers = [];

  constructor(name) {
    this.#name = name;
  }

  put = (value) => {
    const taker = this.#takers.shift();
    if (taker) {
      taker(value);
    } else {
      this.#values.push(value);
    }
  };

  // take returns the oldest value, as soon as there is one.
  take() {
    if (this.#values.length > 0) {
      return Promise.resolve(this.#values.shift());
    }
    const next = new Promise((resolve) => this.#takers.push(resolve));
    return within(next, this.#name);
  }

  // drain returns what is there by now.
  drain() {
    return this.#values.splice(0);
  }
}
