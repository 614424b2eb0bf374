export enum Mode { // bad: enum or namespace
  Sun,
  Nadir,
}
