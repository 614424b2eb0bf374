export function Thing(): unknown {
  return new.target; // bad: new.target or import.meta
}
