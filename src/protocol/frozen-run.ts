// What crosses here: frozen runs as a store gives them back. A store may have lost bytes, belong to an older
// version of this package, or have been written to by somebody else: nothing here is trusted until its
// digest was compared, and its snapshot not even then.

import { OptimizerError } from "../base/errors.ts";
import { isJsonObject } from "../base/json.ts";
import { sha256 } from "../base/sha256.ts";
import type { GuestCall, NumberedReply, Program } from "./guest-protocol.ts";
import { requireOperation } from "./parse-runtime-message.ts";
import type { PreparedProgram } from "./prepared-program.ts";

/** A program that waits for calls, as plain data that can be cloned and stored, and go on somewhere else. */
export interface FrozenRun {
  readonly format: 1;
  /** Digest of the engine that wrote the snapshot and of all that stands beside it. No other one can read it. */
  readonly engine: string;
  /** The session that the run belongs to. */
  readonly session: string;
  readonly program: Program;
  /** Digest of the program's language, code and inputs. */
  readonly programSha256: string;
  /** The calls that have no answer in the snapshot, in the order of their numbers. */
  readonly calls: readonly OpenCall[];
  readonly spent: SpentLimits;
  /** The memory of the guest: for its runtime alone to read. */
  readonly snapshot: Uint8Array<ArrayBuffer>;
  /** Digest of everything above. */
  readonly sha256: string;
}

/** A call that had no answer when its program was frozen. */
export interface OpenCall extends GuestCall {
  /** Nobody began it: somebody has to decide first. Else it was under way, and what came of it is not known. */
  readonly held: boolean;
}

/** What a run had of its limits. */
export interface SpentLimits {
  readonly calls: number;
  /** The highest number of a call. */
  readonly lastCall: number;
  readonly outputBytes: number;
  readonly guestMs: number;
  readonly toolWaitMs: number;
}

const FORMAT = 1;

/** Completes a frozen run with its digests. */
export async function sealFrozenRun(
  run: Omit<FrozenRun, "format" | "programSha256" | "sha256">,
): Promise<FrozenRun> {
  const unsealed = { ...run, format: FORMAT, programSha256: await programDigest(run.program) } as const;
  return { ...unsealed, sha256: await digestOf(unsealed) };
}

/**
 * Rejects with 400 `snapshot_outdated` when another engine wrote it, and with 403 `integrity` when it belongs
 * to another session, or is not what was sealed. Whoever can write to the store can also seal: the digests
 * find accidents and mix-ups.
 */
export async function requireSealed(
  run: FrozenRun,
  { engine, session }: Pick<FrozenRun, "engine" | "session">,
): Promise<void> {
  if (run.engine !== engine) throw outdated();
  if (run.session !== session) throw unsound("it belongs to another session");
  if (run.programSha256 !== (await programDigest(run.program))) throw unsound("its program is another one");
  if (run.sha256 !== (await digestOf(run))) throw unsound("its SHA-256 digest differs");
}

/** Digest by which a program is known: of its language, code and inputs. */
export function programDigest({ language, code, inputs }: Program): Promise<string> {
  return sha256(new TextEncoder().encode(JSON.stringify([language, code, inputs])));
}

async function digestOf(run: Omit<FrozenRun, "sha256">): Promise<string> {
  const { format, engine, session, program, programSha256, calls, spent, snapshot } = run;
  const { source, filename, returns, map } = program.prepared ?? {};
  // Lists: the order of an object's keys is no part of what it says.
  const facts = JSON.stringify([
    [format, engine, session, programSha256],
    [source, filename, returns?.line, returns?.column, map],
    calls.map(({ id, operation, target, args, held }) => [id, operation, target, args, held]),
    [spent.calls, spent.lastCall, spent.outputBytes, spent.guestMs, spent.toolWaitMs],
    await sha256(snapshot),
  ]);
  return sha256(new TextEncoder().encode(facts));
}

/** What a call gets that was under way when its program's place died. It is never made again by itself. */
export function unknownOutcome({ id, target, operation }: GuestCall): NumberedReply {
  const name = operation === "tool" ? target : operation;
  return {
    id,
    ok: false,
    error: {
      name: "ToolError",
      message: `It is unknown whether ${name} was carried out: the run was interrupted while it was under way.`,
      kind: "unknown_outcome",
      code: 500,
      hint: "Find out what it did before calling it again: it may have done all, some or nothing.",
      ...(operation === "tool" ? { tool: target } : {}),
    },
  };
}

/**
 * Reads a frozen run from a store. Throws 400 `snapshot_outdated` for one of another format, and 403
 * `integrity` for what is none. Its digests are compared when it is resumed.
 */
export function parseFrozenRun(value: unknown): FrozenRun {
  const run = record(value);
  if (typeof run.format === "number" && run.format !== FORMAT) throw outdated();
  const { snapshot } = run;
  if (run.format !== FORMAT || !(snapshot instanceof Uint8Array) || !isOwned(snapshot) || !isList(run.calls))
    throw unsound("a field is missing");
  const spent = record(run.spent);
  return {
    format: FORMAT,
    engine: text(run.engine),
    session: text(run.session),
    program: parseProgram(run.program),
    programSha256: text(run.programSha256),
    calls: run.calls.map(parseOpenCall),
    spent: {
      calls: amount(spent.calls),
      lastCall: amount(spent.lastCall),
      outputBytes: amount(spent.outputBytes),
      guestMs: amount(spent.guestMs),
      toolWaitMs: amount(spent.toolWaitMs),
    },
    snapshot,
    sha256: text(run.sha256),
  };
}

function parseProgram(value: unknown): Program {
  const { language, code, inputs, prepared } = record(value);
  if (language !== "javascript" && language !== "typescript" && language !== "python")
    throw unsound("its language is unknown");
  return {
    language,
    code: text(code),
    inputs: text(inputs),
    ...(prepared === undefined ? {} : { prepared: parsePreparedProgram(prepared) }),
  };
}

function parsePreparedProgram(value: unknown): PreparedProgram {
  const { source, filename, returns, map } = record(value);
  const place = returns === undefined ? undefined : record(returns);
  return {
    source: text(source),
    filename: text(filename),
    ...(place === undefined ? {} : { returns: { line: amount(place.line), column: amount(place.column) } }),
    ...(map === undefined ? {} : { map: text(map) }),
  };
}

function parseOpenCall(value: unknown): OpenCall {
  const { id, operation, target, args, held } = record(value);
  if (typeof held !== "boolean") throw unsound("a field is missing");
  return {
    id: amount(id),
    operation: requireOperation(text(operation)),
    target: text(target),
    args: text(args),
    held,
  };
}

function isOwned(bytes: Uint8Array): bytes is Uint8Array<ArrayBuffer> {
  return bytes.buffer instanceof ArrayBuffer;
}

function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  if (!isJsonObject(value)) throw unsound("a field is missing");
  return value;
}

function text(value: unknown): string {
  if (typeof value !== "string") throw unsound("a field is no text");
  return value;
}

function amount(value: unknown): number {
  if (typeof value !== "number" || !Number.isFinite(value) || value < 0)
    throw unsound("a field is no amount");
  return value;
}

function outdated(): OptimizerError {
  return new OptimizerError("The run was frozen by another version of the sandbox and can't go on here.", {
    code: 400,
    kind: "snapshot_outdated",
    hint: "Run the program again from its beginning.",
  });
}

function unsound(problem: string): OptimizerError {
  return new OptimizerError(`The frozen run is not one that this session stored: ${problem}.`, {
    code: 403,
    kind: "integrity",
    hint: "Nothing was run. Run the program again from its beginning.",
  });
}
