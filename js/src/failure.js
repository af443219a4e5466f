// Errors.

// failure is an error with a code, and with the data that belongs to it.
export const failure = (code, data, message = code) => Object.assign(Error(message), { code, data });

// refuse throws the error for a mistake of the program.
export const refuse = (why) => {
  throw TypeError("Ws: " + why);
};
