// QEMU's control line (QMP): one JSON object a line. What happens in the emulated chip without its process ending is
// told here.

export interface QmpEvent {
  event: string;
  data?: Record<string, unknown>;
}

export interface Qmp {
  heard(chunk: Buffer): void;
}

export function createQmp(write: (text: string) => void, onEvent: (event: QmpEvent) => void): Qmp {
  let held = '';
  return {
    heard(chunk) {
      const lines = (held + chunk.toString('utf8')).split('\n');
      held = lines.pop() ?? '';
      for (const line of lines) {
        if (line.trim() === '') continue;
        const message = JSON.parse(line) as Record<string, unknown>;
        // It tells nothing before it is told that we understand it.
        if (message.QMP) write('{"execute": "qmp_capabilities"}\n');
        else if (typeof message.event === 'string') onEvent(message as unknown as QmpEvent);
      }
    },
  };
}
