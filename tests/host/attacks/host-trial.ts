import { existsSync, readFileSync, rmSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { resolveLimits } from "../../../src/sandbox/limits.ts";
import type { RunOutcome, Sandbox } from "../../../src/sandbox/sandbox.ts";
import { recordingPort } from "../../suites/recording-port.ts";
import { killEach } from "../setup/child-processes.ts";
import { CLAIM, type Detector, type HostCase } from "./host-case.ts";
import { type HostTarget, processesOf } from "./host-target.ts";

/** What came of one attack. */
export interface HostTrial {
  /** In a few words: `returned`, `threw OSError`, `stopped timeout`. */
  readonly end: string;
  /** What each detector saw that did not stay silent. */
  readonly found: Partial<Record<Detector, string>>;
  /** Everything that came out. */
  readonly output: string;
}

const TIMEOUT_MS = 20_000;

/** A busy machine ends a run late, but ends it. Milliseconds. */
const LATE_MS = 30_000;

/** How long the processes of a run may take to be gone after its end. Milliseconds. */
const GONE_MS = 5_000;

const BENIGN = { javascript: "[6 * 7, typeof tools]", python: "[6 * 7, 'object']" } as const;

/** Runs one attack in a sandbox, looks at the host, and runs a benign program after it. */
export async function tryHostAttack(sandbox: Sandbox, one: HostCase, target: HostTarget): Promise<HostTrial> {
  const nonce = String(Math.floor(Math.random() * 1e9) + 1e9);
  const hitsBefore = target.hits.length;
  const timeoutMs = one.timeoutMs ?? TIMEOUT_MS;
  const code = target.define(one.language, nonce) + one.code;
  const started = performance.now();
  const { outcome, logs } = await run(sandbox, one.language, code, timeoutMs);
  const ms = performance.now() - started;
  const output = JSON.stringify([outcome, logs]);
  const left = await processesLeft(nonce);
  const files = target.filesOf(nonce);
  const next = await run(
    sandbox,
    one.language,
    one.afterwards === undefined ? BENIGN[one.language] : target.define(one.language, nonce) + one.afterwards,
    TIMEOUT_MS,
  );
  const clean = one.afterwards === undefined ? '[42,"object"]' : '"clean"';
  const isClean = next.outcome.status === "returned" && compact(next.outcome.json) === clean;
  // What travels by other ways than the program's own answer arrives later.
  await sleep(50);
  const secrets = target.secrets.filter((secret) => output.includes(secret));
  const seen: Record<Detector, string> = {
    network: target.hits.slice(hitsBefore).join(),
    secret: secrets.join(),
    claim: output.includes(CLAIM) ? output.slice(0, 300) : "",
    written: files.join(),
    processes: left.join(),
    no_end: ms > timeoutMs + LATE_MS ? `${Math.round(ms)} ms` : "",
    next_run: isClean ? "" : JSON.stringify(next.outcome).slice(0, 300),
  };
  cleanUp(left, files);
  const found = Object.fromEntries(Object.entries(seen).filter(([, what]) => what !== ""));
  return { end: endOf(outcome), found, output };
}

async function run(
  sandbox: Sandbox,
  language: HostCase["language"],
  code: string,
  timeoutMs: number,
): Promise<{ readonly outcome: RunOutcome; readonly logs: readonly string[] }> {
  const port = recordingPort();
  await using session = sandbox.open(
    crypto.randomUUID(),
    resolveLimits({ timeoutMs, memoryBytes: 1024 ** 3 }),
  );
  const program = { language, code, inputs: "{}" };
  const outcome = await session.run(program, port, new AbortController().signal);
  return { outcome, logs: port.logs.map(({ text }) => text) };
}

async function processesLeft(nonce: string): Promise<readonly number[]> {
  const until = performance.now() + GONE_MS;
  for (;;) {
    const left = processesOf(nonce);
    if (left.length === 0 || performance.now() > until) return left;
    await sleep(50);
  }
}

/** The baseline leaves what a sandbox must not. Only what holds the attack's own word is ended. */
function cleanUp(left: readonly number[], files: readonly string[]): void {
  killEach(left);
  for (const file of files) rmSync(file, { recursive: true, force: true });
}

function endOf(outcome: RunOutcome): string {
  switch (outcome.status) {
    case "returned":
      return "returned";
    case "threw":
      return `threw ${outcome.error.name}`;
    case "stopped":
      return `stopped ${outcome.reason}`;
    case "suspended":
      return "suspended";
    default:
      return outcome satisfies never;
  }
}

function compact(json: string): string {
  return JSON.stringify(JSON.parse(json));
}

/** Whether this machine lets its processes be looked at as the detectors do. */
export const canBeWatched = existsSync("/proc/self/comm") && readFileSync("/proc/self/comm", "utf8") !== "";
