export function home(): unknown {
  return process.env; // bad: process
}
