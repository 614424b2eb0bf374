// `import … from 'understudy'`: what authors of components, device worlds and tools need; mostly types.

export type { Handler, HandlerEvent, Io, Module, Pending } from '../firmware/application.ts';
export { VERSION } from '../firmware/main.ts';
export { check } from './check/check.ts';
export type { Report, TraceEffect, TraceEvent, TraceLine, Violation } from './check/types.ts';
export { EXIT, Failure } from './failure.ts';
export type { Bench, CreateWorld, DeviceWorld, Lab, WorldRecord } from './lab.ts';
export { renderSvg, renderText } from './trace/diagram.ts';
export { readTrace } from './trace/file.ts';
