// What crosses here: the globals of a session as a store or a file gives them back. Only the runtime that
// made a snapshot looks into it, inside the guest's own walls: it can do there what a program can.

import { isJsonObject } from "../base/json.ts";
import { sha256 } from "../base/sha256.ts";

/** What the programs of a session have put on their globals, for the next one. */
export interface KeptGlobals {
  readonly format: 1;
  /** Digest of the engine that made the snapshot. No other one can read it. */
  readonly engine: string;
  readonly session: string;
  readonly snapshot: Uint8Array<ArrayBuffer>;
  /** Digest of everything above. */
  readonly sha256: string;
}

/** What a runtime is told of them. */
export interface GlobalsCommand {
  /** Where the program begins; absent: with none. */
  readonly snapshot?: Uint8Array<ArrayBuffer>;
}

const FORMAT = 1;

/** Completes globals with their digest. */
export async function sealGlobals(
  globals: Pick<KeptGlobals, "engine" | "session" | "snapshot">,
): Promise<KeptGlobals> {
  return { ...globals, format: FORMAT, sha256: await digestOf(globals) };
}

/** Why globals can't be used by this engine in this session; `undefined`: they can. */
export async function findTrouble(
  globals: KeptGlobals,
  { engine, session }: Pick<KeptGlobals, "engine" | "session">,
): Promise<string | undefined> {
  if (globals.engine !== engine) return "another version of the sandbox wrote them";
  if (globals.session !== session || globals.sha256 !== (await digestOf(globals)))
    return "they are not those that this session stored";
  return undefined;
}

/** `undefined` for what is none, or of another format. */
export function parseKeptGlobals(value: unknown): KeptGlobals | undefined {
  if (!isJsonObject(value)) return undefined;
  const fields: Readonly<Record<string, unknown>> = value;
  const { format, engine, session, snapshot, sha256: digest } = fields;
  if (format !== FORMAT || typeof engine !== "string" || typeof session !== "string") return undefined;
  if (!isBytes(snapshot) || typeof digest !== "string") return undefined;
  return { format, engine, session, snapshot, sha256: digest };
}

function isBytes(value: unknown): value is Uint8Array<ArrayBuffer> {
  return value instanceof Uint8Array && value.buffer instanceof ArrayBuffer;
}

async function digestOf({
  engine,
  session,
  snapshot,
}: Pick<KeptGlobals, "engine" | "session" | "snapshot">): Promise<string> {
  const facts = JSON.stringify([FORMAT, engine, session, await sha256(snapshot)]);
  return sha256(new TextEncoder().encode(facts));
}
