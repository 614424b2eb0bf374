// A JavaScript context with nothing in it but ES5 and typed arrays, as on the smallest engines; `Date` and
// `Math.random` are gone too: a board knows time and chance only through its HAL.

import { createContext, runInContext } from 'node:vm';

const GLOBALS =
  'Object Function Array String Boolean Number Math JSON RegExp Error EvalError RangeError ReferenceError SyntaxError ' +
  'TypeError URIError NaN Infinity undefined parseInt parseFloat isNaN isFinite eval decodeURI decodeURIComponent ' +
  'encodeURI encodeURIComponent globalThis ArrayBuffer DataView Int8Array Uint8Array Uint8ClampedArray Int16Array ' +
  'Uint16Array Int32Array Uint32Array Float32Array Float64Array';

const OWN: Record<string, string> = {
  Object:
    'getPrototypeOf getOwnPropertyDescriptor getOwnPropertyNames create defineProperty defineProperties seal freeze ' +
    'preventExtensions isSealed isFrozen isExtensible keys',
  'Object.prototype': 'toString toLocaleString valueOf hasOwnProperty isPrototypeOf propertyIsEnumerable __proto__',
  'Function.prototype': 'toString apply call bind length name',
  Array: 'isArray',
  'Array.prototype':
    'toString toLocaleString concat join pop push reverse shift slice sort splice unshift indexOf lastIndexOf every some ' +
    'forEach map filter reduce reduceRight length',
  String: 'fromCharCode',
  'String.prototype':
    'toString valueOf charAt charCodeAt concat indexOf lastIndexOf localeCompare match replace search slice split ' +
    'substring toLowerCase toLocaleLowerCase toUpperCase toLocaleUpperCase trim length',
  Number: 'MAX_VALUE MIN_VALUE NaN NEGATIVE_INFINITY POSITIVE_INFINITY',
  'Number.prototype': 'toString toLocaleString valueOf toFixed toExponential toPrecision',
  Math:
    'E LN10 LN2 LOG2E LOG10E PI SQRT1_2 SQRT2 abs acos asin atan atan2 ceil cos exp floor log max min pow round sin ' +
    'sqrt tan',
};

const TYPED = 'length set subarray slice buffer byteLength byteOffset BYTES_PER_ELEMENT';

const STRIP = `(function (globals, own, typed) {
  var keep = function (object, names) {
    var list = (names + ' constructor prototype').split(' ');
    Object.getOwnPropertyNames(object).forEach(function (name) {
      if (list.indexOf(name) < 0) delete object[name];
    });
  };
  keep(Object.getPrototypeOf(Uint8Array.prototype), typed);
  Object.keys(own).forEach(function (path) {
    var object = path.split('.').reduce(function (at, name) { return at[name]; }, globalThis);
    keep(object, own[path]);
  });
  keep(globalThis, globals);
})`;

/** What is left of the context's global object can be read off `Object.getOwnPropertyNames` in it. */
export function bareContext(): object {
  const context = createContext(Object.create(null) as object, {
    codeGeneration: { strings: true, wasm: false },
    microtaskMode: undefined,
  });
  (runInContext(STRIP, context) as (g: string, o: object, t: string) => void)(GLOBALS, OWN, TYPED);
  return context;
}
