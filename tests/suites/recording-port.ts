import type {
  GuestCall,
  GuestPort,
  GuestReply,
  HELD,
  LogEntry,
  SandboxNotice,
} from "../../src/protocol/guest-protocol.ts";

/** Answers one call of a guest. */
export type Answer = (call: GuestCall, signal: AbortSignal) => Held | Promise<Held>;

type Held = GuestReply | typeof HELD;

/** A page's side that notes everything a guest asks and says. */
export interface RecordingPort extends GuestPort {
  readonly calls: readonly GuestCall[];
  readonly logs: readonly LogEntry[];
  readonly notices: readonly SandboxNotice[];
  /** Most calls that waited for an answer at one time. */
  readonly mostInFlight: number;
  /** Resolves when the guest has logged this text. */
  logged(text: string): Promise<void>;
  /** Resolves when the guest has made this many calls. */
  called(count: number): Promise<void>;
}

/** Without an answer of its own, a call gets its arguments back. */
export function recordingPort(
  answer: Answer = ({ args }) => ({ ok: true, json: args }),
  namespaces: readonly string[] = ["srv"],
): RecordingPort {
  const calls: GuestCall[] = [];
  const logs: LogEntry[] = [];
  const notices: SandboxNotice[] = [];
  const waiting = new Set<() => void>();
  let inFlight = 0;
  let mostInFlight = 0;
  const until = (holds: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      const look = (): void => {
        if (!holds()) return;
        waiting.delete(look);
        resolve();
      };
      waiting.add(look);
      look();
    });
  const wake = (): void => {
    for (const look of [...waiting]) look();
  };
  return {
    namespaces,
    calls,
    logs,
    notices,
    get mostInFlight() {
      return mostInFlight;
    },
    logged: (text) => until(() => logs.some((entry) => entry.text === text)),
    called: (count) => until(() => calls.length >= count),
    async call(call, signal) {
      calls.push(call);
      inFlight += 1;
      mostInFlight = Math.max(mostInFlight, inFlight);
      wake();
      try {
        return await answer(call, signal);
      } finally {
        inFlight -= 1;
      }
    },
    notice: (notice) => void notices.push(notice),
    log(entries) {
      logs.push(...entries);
      wake();
    },
  };
}
