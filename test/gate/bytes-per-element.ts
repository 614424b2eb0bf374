export function width(value: unknown): number {
  return (value as Uint8Array).BYTES_PER_ELEMENT; // bad: .BYTES_PER_ELEMENT
}
