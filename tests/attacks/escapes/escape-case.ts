// Attacks as data: what each wants, its program, how a safe engine ends it, and which detectors the same
// program sets off where nothing holds it.

import type { Json } from "../../../src/base/json.ts";
import type { Limits } from "../../../src/sandbox/limits.ts";
import type { Differences } from "../../suites/differences.ts";
import type { EngineName } from "../setup/engines.ts";

/** What can tell that an attack got through. All must stay silent for every attack. */
export const DETECTORS = {
  network: "something was sent to the listener over HTTP or a WebSocket",
  datagram: "something was sent to the listener over UDP",
  planted: "a secret of the page came out in a value, an error, a log or an argument",
  claim: "the program says that it got what it wanted",
  page: "something of the page was changed: a global, a prototype, a document, a storage, a channel",
  errors: "code of the page threw",
  held: "the page's thread was held",
  late_calls: "a tool was called after the end",
  bad_call: "a tool was called with arguments that its schema forbids or JSON cannot hold",
  forged: "a run was settled twice, or one call was made twice",
  over_limit: "more calls or more output came out than were allowed",
  no_end: "nothing came back in time",
  next_run: "the run after it fails, or finds what this one left",
} as const;

export type Detector = keyof typeof DETECTORS;

/** What is attacked: an engine by its programs, or the page by a worker that was taken over. */
export type EscapeTarget = EngineName | "protocol";

/** What a program writes when it holds something that it must not reach. */
export const CLAIM = "ESCAPED";

/**
 * One attack of a program. Its code finds these names defined: `HTTP` and `WS` (addresses of the listener
 * that end in a slash), `HOST`, `PORT`, `STUN` (host and port for UDP), `PLANTED` (the name of the page's
 * storage, lock and channel) and `NONCE`, a word of its own.
 */
export interface EscapeCase {
  readonly id: string;
  /** Classes of the public corpus that this is a variant of. */
  readonly covers: readonly string[];
  readonly wants: string;
  readonly code: string;
  /** How a safe engine ends it. Absent: by a value or an error of the program. */
  readonly ends?: RegExp;
  readonly limits?: Partial<Limits>;
  /** A run after this one, of another session: its value must be `clean`. */
  readonly afterwards?: { readonly code: string; readonly clean: Json };
  /** Detectors that it sets off in the unsafe baseline, or why it can do no harm there. */
  readonly trips: readonly Detector[] | string;
  /** Where the baseline runs it: in a worker of the page, or in a document. */
  readonly realm?: "worker" | "document";
  /** Engines that do not promise to hold it, with the reason. */
  readonly skips?: Partial<Readonly<Record<EscapeTarget, string>>>;
  /** Browsers in which it ends in another way. */
  readonly differs?: Differences;
}

/** A program that must work: a dead sandbox holds every attack. */
export interface BenignProgram {
  readonly does: string;
  readonly code: string;
  readonly value: Json;
  readonly logs?: readonly string[];
}

/** How programs end that found nothing: with a value, or with an error of their own. */
export const INERT = /^(?:returned|threw (?:400|500) \w*)$/;

/** How programs end that their time ends. */
export const TIMEOUT = /^stopped\/timeout 408$/;

/** How programs end that take too much: of something that is counted, or else of time. */
export const TOO_MUCH = /^stopped\/(?:timeout 408|(?:memory|output|tool_calls) 429)$/;
