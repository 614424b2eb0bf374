export function watch(it: object): object {
  return new Proxy(it, {}); // bad: Proxy
}
