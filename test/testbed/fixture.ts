// A bundle that answers the link like a board, and does as it is told: for tests of what is around a board.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { root } from '../../host/build/root.ts';

const SOURCE = `
import { createParser, encodeFrame, feed, KIND_REQUEST, KIND_REPLY, KIND_TRACE, KIND_LOG } from './link/frame.ts';
import { decode, encode } from './link/cbor.ts';
import { crc32 } from './link/crc.ts';
export function boot(hal) {
  var parser = createParser(crc32), heard = [], inputs = 0, line = 0, last = 0, before = -1, kept = null, requests = 0;
  function put(text) { return Uint8Array.from(text.split('').map(function (c) { return c.charCodeAt(0); })); }
  function trace(note) {
    var body = encode({ v: 1, t: Math.round(hal.now() * 1000), board: hal.board, note: note }), out = new Uint8Array(4 + body.length);
    new DataView(out.buffer).setUint32(0, line++, true);
    out.set(body, 4);
    hal.serial(encodeFrame(KIND_TRACE, 0, 0, out, crc32));
  }
  function answer(q) {
    if (q.verb === 'bus') { hal.bus(q.bytes); return {}; }
    if (q.verb === 'heard') return { heard: heard, inputs: inputs };
    if (q.verb === 'output') { hal.output(q.device, q.bytes); return {}; }
    if (q.verb === 'program') { hal.flash.program(q.at, q.bytes); return {}; }
    if (q.verb === 'read') return { bytes: hal.flash.read(q.at, q.length) };
    if (q.verb === 'echo') return { bytes: q.bytes };
    if (q.verb === 'reset') { hal.reset(); return {}; }
    if (q.verb === 'throw') throw new Error('as told');
    if (q.verb === 'hang') for (;;) {}
    if (q.verb === 'interrupted') { try { hal.call(function () { for (;;) {} }); } catch (e) { return { why: e.message }; } return { why: '' }; }
    if (q.verb === 'flood') { for (var i = 0; i < q.count; i++) trace({ kind: 'flood', i: i }); return {}; }
    if (q.verb === 'hello') return { board: hal.board, engine: hal.engine, firmware: '0.0.1', now: hal.now(), requests: requests };
    return null;
  }
  trace({ kind: 'boot' });
  return {
    serial: function (bytes) {
      feed(parser, bytes, function (f) {
        if (f.kind !== KIND_REQUEST) return;
        // A request that is repeated gets the same reply again.
        var key = f.stream * 65536 + f.sequence;
        if (key === before) { if (kept) hal.serial(kept); return; }
        before = key;
        requests++;
        kept = null;
        var reply = answer(decode(f.payload)) || { error: 'E_VERB', cause: 'no such verb', next: '' };
        if (!reply.error) reply.ok = true;
        kept = encodeFrame(KIND_REPLY, f.stream, f.sequence, encode(reply), crc32);
        hal.serial(kept);
      });
    },
    bus: function (bytes) { heard.push(bytes); },
    input: function (device, bytes) { inputs++; },
    poll: function () {
      hal.kick();
      if (hal.now() - last > 50) { last = hal.now(); hal.serial(encodeFrame(KIND_LOG, 0, 0, put('alive'), crc32)); }
      return hal.now() + 20;
    }
  };
}`;

async function bundle(source: string, file: string): Promise<string> {
  const built = await build({
    stdin: { contents: source, resolveDir: join(root(), 'firmware'), loader: 'js' },
    bundle: true,
    format: 'iife',
    globalName: 'understudy',
    target: 'es2015',
    write: false,
  });
  writeFileSync(file, built.outputFiles[0]?.text ?? '');
  return file;
}

/** Writes the bundle that does as it is told. */
export function obedientBundle(folder: string): Promise<string> {
  return bundle(SOURCE, join(folder, 'obedient.js'));
}

/** Writes the firmware's own. */
export function firmwareBundle(folder: string): Promise<string> {
  return bundle("export { boot } from './main.ts';", join(folder, 'firmware.js'));
}
