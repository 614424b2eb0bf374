// A trace as text that a person reads: who gets what, and what follows.

import type { TraceEffect, TraceEvent, TraceLine, TraceMessage } from '../check/types.ts';

function vector(name: string, V: number[] | undefined): string {
  return V && V.length > 0 ? ` ${name}=[${V.join(' ')}]` : '';
}

function messageText(m: TraceMessage & { cut?: string; ok?: boolean; sn?: number; dirty?: boolean }): string {
  let text = m.kind;
  if (m.kind === 'app') text = `message q=${m.q}${m.k ? ` k=${m.k}` : ''}`;
  if (m.cut) text += ` ${m.cut}`;
  if (m.ends?.length) text += ` (${m.ends.map(([, how]) => how).join(' ')})`;
  if (m.kind === 'handover') text += ` held ${m.held?.length ?? 0} pending ${m.pending?.length ?? 0}`;
  if (m.kind === 'migrated') text += m.ok ? ' ok' : ' failed';
  if (m.dirty !== undefined) text += m.dirty ? ' dirty' : ' clean';
  if (m.sn !== undefined) text += ` ${m.sn}`;
  return text + vector('T', m.T) + vector('V', m.V);
}

function eventText(event: TraceEvent & { why?: string }, nameOf: (pid: number) => string): string {
  if (event.kind === 'input') return `input ${event.i} of device ${event.device}`;
  if (event.kind === 'timer') return `timer ${event.name}`;
  if (event.kind === 'word') return `word ${event.word}`;
  if (event.kind === 'absent') return `${nameOf(event.pid ?? -1)} is ${event.why}`;
  if (event.kind === 'fail') return `fails: ${event.why}`;
  if (event.kind === 'heartbeat') {
    const beat = event as TraceEvent & { acked?: number[][]; done?: number[][] };
    const acked = (beat.acked ?? []).map(([c, q]) => ` to ${nameOf(2 * (c ?? 0)).replace(/\/.*/, '')} ${q}`).join('');
    const done = (beat.done ?? []).map(([d, e]) => ` device ${d} ${e}`).join('');
    return `heartbeat of ${nameOf(event.from ?? -1)}${vector('V', event.V)}${acked && ` safe${acked}`}${done && ` done${done}`}`;
  }
  if (event.from !== undefined) return `${messageText(event)} from ${nameOf(event.from)}`;
  return event.kind;
}

function effectText(e: TraceEffect, nameOf: (pid: number) => string): string {
  const compensated = e.compensated ? ' (compensated)' : '';
  switch (e.kind) {
    case 'send':
      return e.message?.kind === 'input'
        ? `input passed on to ${nameOf(e.to ?? -1)}`
        : `→ ${nameOf(e.to ?? -1)}: ${messageText(e.message ?? { kind: '' })}`;
    case 'output':
      return `⇒ device ${e.device} e=${e.e}${vector('T', e.T)}${compensated}`;
    case 'suppressed':
      return e.to === undefined
        ? `logs output e=${e.e} to device ${e.device}`
        : `logs message q=${e.q} to ${nameOf(2 * e.to)}`;
    case 'deliver':
      return `delivers event ${e.event}`;
    case 'tested':
      return `acceptance test ${e.ok ? 'passed' : 'failed'}${compensated}`;
    case 'reclaim':
      return `reclaims ${e.records} records, ${e.left} left`;
    case 'trim':
      return `drops ${e.count} from its log`;
    case 'decide':
      return `DECIDES ${e.cut}, epoch ${e.epoch}${vector('V*', e.V)}${e.why ? `: ${e.why}` : ''}`;
    case 'freeze':
      return `FREEZES for ${e.cut}${e.why ? `: ${e.why}` : ''}`;
    case 'report':
      return `reports ${e.cut}`;
    case 'rollback':
      return `ROLLS BACK to before event ${e.event}`;
    case 'replay':
      return `replays event ${e.event}`;
    case 'forget':
      return `leaves out event ${e.event}`;
    case 'takeover':
      return `TAKES OVER, log of ${e.count}`;
    case 'role':
      return `is ${e.role} now`;
    case 'armed':
      return `arms timer ${e.name}`;
    default:
      return e.kind + (e.why ? `: ${e.why}` : '');
  }
}

/** Several sends of one message are one line. */
function effectLines(effects: TraceEffect[], nameOf: (pid: number) => string): string[] {
  const out: string[] = [];
  let last = '';
  for (const effect of effects) {
    const text = effectText(effect, nameOf);
    if (effect.kind === 'send' && effect.message?.kind !== 'input') {
      const what = text.slice(text.indexOf(': '));
      if (what === last) {
        const line = out.pop() as string;
        out.push(line.replace(': ', `, ${nameOf(effect.to ?? -1)}: `));
        continue;
      }
      last = what;
    } else last = '';
    out.push(text);
  }
  return out;
}

export function textOf(lines: TraceLine[]): string {
  const names = new Map<number, string>();
  const nameOf = (pid: number) => names.get(pid) ?? `process ${pid}`;
  const out: string[] = [];
  for (const line of lines) {
    for (const [pid, name] of line.processes ?? []) names.set(pid, name);
    if (line.roles) out.push(line.roles.map(([pid, role]) => `${nameOf(pid)} ${role}`).join(', '));
    if (line.note?.kind === 'driver')
      out.push(`device ${line.note.device} ${line.note.done ? 'does' : 'drops'} e=${line.note.e}`);
    else if (line.note)
      out.push(`${line.note.kind} ${line.note.pid === undefined ? (line.board ?? '') : nameOf(line.note.pid)}`);
    if (!line.process || !line.event) continue;
    out.push(`${line.process} ${line.n}: ${eventText(line.event, nameOf)}`);
    for (const text of effectLines(line.effects ?? [], nameOf)) out.push(`    ${text}`);
  }
  return `${out.join('\n')}\n`;
}
