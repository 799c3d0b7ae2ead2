import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "../setup/process.mjs";
import { serveScenarios } from "./client/harness.ts";
import { openScenarioPage } from "./client/in-chromium.ts";
import { runInNode } from "./client/in-node.ts";
import { findFailures } from "./judge.ts";
import { parseRequirements } from "./requirements.ts";
import { serveFixture } from "./server/serve.ts";

const REVISIONS = ["2025-11-25", "2026-07-28"];
const SET_TIMEOUT_MS = 4 * 60_000;
/** The suite starts all clients at once, and a busy machine takes a while to give each its turn. */
const SCENARIO_TIMEOUT_MS = 120_000;

/** The official suite's program. */
const SUITE = fileURLToPath(import.meta.resolve("@modelcontextprotocol/conformance/dist/index.js"));
const COMMAND = fileURLToPath(new URL("client/command.mjs", import.meta.url));

/** What is put to the test: its name, the suite's half that does it, and how the suite reaches it. */
interface Subject {
  readonly name: string;
  readonly half: "server" | "client";
  readonly reach: readonly string[];
}

process.exitCode = await main();

async function main(): Promise<number> {
  await using stack = new AsyncDisposableStack();
  const results = await mkdtemp(path.join(tmpdir(), "mcp-optimizer-conformance-"));
  stack.defer(() => rm(results, { recursive: true, force: true }));
  const server = await serveFixture();
  stack.defer(() => server.close());
  const node = await serveScenarios(runInNode);
  stack.defer(() => node.close());
  const page = stack.use(await openScenarioPage());
  const chromium = await serveScenarios(page.execute);
  stack.defer(() => chromium.close());
  // The suite hands the command to a shell as it is.
  const client = (harness: string) => ["--command", `node "${COMMAND}" ${harness}`];
  const subjects: readonly Subject[] = [
    { name: "server", half: "server", reach: ["--url", server.url] },
    { name: "client in Node", half: "client", reach: client(node.url) },
    { name: "client in Chromium", half: "client", reach: client(chromium.url) },
  ];

  const required = parseRequirements(await askSuite(["list", "--requirements", REVISIONS.join(",")]));
  let runs = 0;
  let failed = 0;
  for (const subject of subjects) {
    for (const revision of REVISIONS) {
      const scenarios = required.get(revision)?.[subject.half] ?? [];
      if (scenarios.length === 0) throw new Error(`The suite requires nothing of a ${subject.half}.`);
      const started = performance.now();
      const failures = await runSet(subject, revision, scenarios, results);
      const seconds = ((performance.now() - started) / 1_000).toFixed(1);
      runs += scenarios.length;
      failed += failures.length;
      const passed = scenarios.length - failures.length;
      console.log(`${subject.name}, ${revision}: ${passed} of ${scenarios.length} passed (${seconds} s)`);
      for (const failure of failures) console.log(`  ${failure}`);
    }
  }
  const count = (half: Subject["half"]) =>
    REVISIONS.reduce((sum, revision) => sum + (required.get(revision)?.[half].length ?? 0), 0);
  const halves = [count("server"), count("client")] as const;
  console.log(
    `required are ${halves[0] + halves[1]} (server ${halves[0]}, client ${halves[1]}); those of the client ran twice`,
  );
  console.log(`${runs - failed} of ${runs} scenario runs passed`);
  return failed === 0 ? 0 : 1;
}

/** Runs one set as the suite's own command does it. Each failure is one line, or several. */
async function runSet(
  { name, half, reach }: Subject,
  revision: string,
  scenarios: readonly string[],
  results: string,
): Promise<readonly string[]> {
  const folder = path.join(results, `${name} ${revision}`);
  const set = ["--requirements", revision, "--timeout", String(SCENARIO_TIMEOUT_MS), "-o", folder];
  // Its exit code is not asked: the judge is stricter, and says which scenario it was.
  await run(process.execPath, [SUITE, half, ...reach, ...set], { timeoutMs: SET_TIMEOUT_MS });
  return findFailures(folder, half, scenarios);
}

async function askSuite(args: readonly string[]): Promise<string> {
  const { code, output } = await run(process.execPath, [SUITE, ...args], { timeoutMs: 60_000 });
  if (code !== 0) throw new Error(`The conformance suite does not start: ${output}`);
  return output;
}
