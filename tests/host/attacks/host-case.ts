// Attacks on the host as data: what each wants, its program, and which detectors the same program sets off in a
// plain process of the host.

import type { PlaceLimits } from "../../../src/host/sandbox/host-sandbox.ts";
import type { Language } from "../../../src/protocol/guest-protocol.ts";

/** What can tell that an attack got through. All must stay silent in every sandbox of the operating system. */
export const DETECTORS = {
  network: "something reached a listener of the host: TCP, UDP, or a local socket with or without a file",
  secret: "a file, a variable or the memory of the host came out",
  claim: "the program says that it got what it wanted",
  written: "a file of the host was made or changed",
  processes: "a process of the program was left after its end",
  no_end: "nothing came back in time",
  next_run: "the run after it fails, or finds what this one left",
} as const;

export type Detector = keyof typeof DETECTORS;

/** What a program writes when it holds something that it must not reach. */
export const CLAIM = "ESCAPED";

/**
 * One attack of a program. Its code finds these names defined: `PORT` (TCP on 127.0.0.1), `UDP_PORT`, `SOCKET` (a
 * local socket's file), `HIDDEN` (the name of one without a file), `HOST_DIR` (a folder that all may write, with
 * `planted.txt` in it), `HOST_PID`, `NONCE` (digits of its own) and `CLAIM`.
 */
export interface HostCase {
  readonly id: string;
  /** Classes of the public corpus that this is a variant of. */
  readonly covers: readonly string[];
  readonly wants: string;
  readonly language: Extract<Language, "javascript" | "python">;
  readonly code: string;
  /** How a sandbox ends it. Absent: by a value or an error of the program. */
  readonly ends?: RegExp;
  readonly timeoutMs?: number;
  /** Detectors that it sets off in a plain process, or why it can do no harm there. */
  readonly trips: readonly Detector[] | string;
  /** A run after this one, of another session: its value must be `clean`. */
  readonly afterwards?: string;
}

/** The limits of the sandboxes that are attacked: small, so that the host's are far. */
export const ATTACKED_LIMITS: Partial<PlaceLimits> = {
  memoryBytes: 256 * 1024 * 1024,
  diskBytes: 32 * 1024 * 1024,
};

/** How programs end that found nothing: with a value, or with an error of their own. */
export const INERT = /^(?:returned|threw \w*)$/;

/** How programs end that may take their own place down. */
export const INERT_OR_ENDED = /^(?:returned|threw \w*|stopped (?:crashed|timeout|memory|output))$/;

export const TIMEOUT = /^stopped timeout$/;
