// What the processes of the golden interactions are given, and what their applications do: for the conformance program
// (board/main.ts), which has the core do it again in other engines.

import { encode } from '../../firmware/link/cbor.ts';
import type { Application, Emission, Event, Opaque } from '../../firmware/core/types.ts';
import { Scenario } from '../explore/scenario.ts';
import { shapeOf } from '../explore/shape.ts';
import { CORE, type Core, structuredCloneFast } from '../explore/world.ts';
import type { Golden as Scene } from '../mutants/golden.ts';
import type { Deed, Did } from './board/core.ts';

/** An application whose calls are taken down. */
function observed(app: Application, did: Did[]): Application {
  const gave = <T>(call: () => T): T => {
    try {
      const value = call();
      did.push({ gave: structuredCloneFast(value) });
      return value;
    } catch (error) {
      did.push({ threw: (error as Error).message });
      throw error;
    }
  };
  return {
    ...app,
    handle(state: Opaque, event: Event, out: Emission[]) {
      const from = out.length;
      const one: Did = {};
      did.push(one);
      try {
        app.handle(state, event, out);
      } catch (error) {
        one.threw = (error as Error).message;
        throw error;
      } finally {
        one.h = (state as { h: number }).h;
        one.out = structuredCloneFast(out.slice(from));
      }
    },
    accept: (state, device, data) => gave(() => app.accept(state, device, data)),
    compensate: (state, device, data) => gave(() => app.compensate(state, device, data)),
    migrate: (old, pending) => gave(() => app.migrate(old, pending)),
  };
}

export function recordGolden(scene: Scene): Deed[] {
  const deeds: Deed[] = [];
  const core: Core = {
    ...CORE,
    create(setup, app) {
      deeds.push([setup.pid, structuredCloneFast(setup)]);
      return CORE.create(setup, app);
    },
    step(self, event, effects, app) {
      const did: Did[] = [];
      deeds.push([self.pid, structuredCloneFast(event), did]);
      CORE.step(self, event, effects, observed(app, did));
    },
  };
  scene.run(new Scenario(shapeOf(1, scene.actives, scene.guarded ? {} : { operation: null }), core));
  return deeds;
}

/** Each deed as CBOR in hexadecimal digits. */
export function recordedTexts(scene: Scene): string[] {
  return recordGolden(scene).map((deed) => Buffer.from(encode(deed)).toString('hex'));
}
