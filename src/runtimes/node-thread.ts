// What crosses here: messages between the two threads of one Node process, the program's and the one
// that watches it. The program shares its thread with our code and may forge what it posts; a message
// that makes no sense ends the process at worst, and everything is checked again outside of it.

import type { GuestCall, LogLevel, NumberedReply } from "../protocol/guest-protocol.ts";

/** To the thread of the program. */
export type ThreadCommand =
  | {
      readonly type: "start";
      /** An expression whose value is the promise of the program's value. */
      readonly source: string;
      /** The name that stands in stacks. */
      readonly filename: string;
      /** JSON text. */
      readonly inputs: string;
      readonly namespaces: readonly string[];
    }
  | { readonly type: "replies"; readonly replies: readonly NumberedReply[] };

/** The first message of the thread: it waits for its program. */
export interface ThreadReady {
  readonly type: "ready";
}

/** From the thread of the program, once it has one. */
export type ThreadMessage =
  | { readonly type: "call"; readonly call: GuestCall }
  | { readonly type: "log"; readonly level: LogLevel; readonly text: string }
  /** The program's promise settled: `returned` with JSON text, or `threw` with JSON text of the error. */
  | { readonly type: "settled"; readonly status: string; readonly json: string }
  /** Nothing but a reply can wake the program. `replies`: how many it had seen by then. */
  | { readonly type: "idle"; readonly replies: number }
  /** Nothing at all can wake the program any more. */
  | { readonly type: "drained" };
