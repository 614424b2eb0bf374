// Space-time diagrams of traces: for the terminal, and as SVG files.

export type { Selection } from './select.ts';
export type { SvgOptions } from './svg.ts';
export { renderSvg } from './svg.ts';
export type { TextOptions } from './terminal.ts';
export { colourWanted, renderText } from './terminal.ts';
