// The compiled description of a system, as boards and host both know it. The host makes it from system.json and
// upgrade.json (host/describe); a board finds it in its flash image. Numbers of components, devices and boards
// are indices into these tables and never change in the life of a system: an upgrade appends.

/** kind: 'u8' 'i8' 'u16' 'i16' 'u32' 'i32' 'f32' 'f64' 'bool'; count 0: a scalar, else an array of that length */
export interface Field {
  name: string;
  kind: string;
  count: number;
}

export interface TypePlan {
  name: string;
  fields: Field[];
  /** highest rate on one channel, messages per second; 0: not limited */
  perSecond: number;
  /** packed size */
  bytes: number;
}

export interface DevicePlan {
  name: string;
  board: number;
  /** one of the two is null */
  in: Field[] | null;
  out: Field[] | null;
  /** `takeover: "latest"` */
  latest: boolean;
  /** `powerCut: "at-least-once"` */
  atLeastOnce: boolean;
  /** what the device does while outputs are held; packed; null: keep the last output */
  hold: Uint8Array | null;
  perSecond: number;
}

export interface ComponentPlan {
  name: string;
  board: number;
  /** SHA-256 of the built module's text, hex */
  module: string;
  /** [type, receiving components] */
  sends: [number, number[]][];
  /** devices */
  reads: number[];
  drives: number[];
}

export interface PolicyPlan {
  commitAfterMs: number;
  validated: number;
  heartbeatMs: number;
  absentMs: number;
  lead: number;
}

export interface UpgradePlan {
  name: string;
  /** hash of the plan that this one upgrades */
  base: string;
  /** components; the order is that of the vectors' slots */
  cluster: number[];
  added: number[];
  removed: number[];
  /** types whose format changed: [old index, new index] */
  changed: [number, number][];
}

export interface Plan {
  name: string;
  sequence: number;
  durability: string;
  sharedFate: boolean;
  boards: string[];
  /** An unchanged type keeps its index; a changed one is appended under the same name. */
  types: TypePlan[];
  devices: DevicePlan[];
  /** null: removed by an upgrade */
  components: (ComponentPlan | null)[];
  policy: PolicyPlan;
  upgrade: UpgradePlan | null;
}

/** What a board needs of a device that is not its own, and that none of its components reads or drives. */
export interface DeviceElsewhere {
  board: number;
  latest: boolean;
}

/** What a board needs of a component of another board. */
export interface ComponentElsewhere {
  name: string;
  board: number;
  reads: number[];
}

/** A plan as one board holds it: in full what concerns the board, for its memory is small. Every whole plan is one too. */
export interface BoardPlan extends Omit<Plan, 'types' | 'devices' | 'components'> {
  /** null: none of the board's components sends or receives it */
  types: (TypePlan | null)[];
  devices: (DevicePlan | DeviceElsewhere)[];
  components: (ComponentPlan | ComponentElsewhere | null)[];
  /** reads all types from flash; where it is missing, none was left out */
  allTypes?: () => TypePlan[];
}
