import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import * as z from "zod/v4";

const Checks = z.array(
  z.object({
    id: z.string(),
    status: z.string(),
    description: z.string(),
    errorMessage: z.string().optional(),
  }),
);

/** Enough of what a client says to understand why it gave up. */
const MAX_ERROR_CHARS = 2_000;

/**
 * Says which of the scenarios did not pass, and why, from the folder that the suite wrote.
 *
 * The suite itself scores failed checks only. Here a scenario passes when a check succeeded, none failed or
 * warned, and, for clients, when the client came to the end that it expected.
 */
export async function findFailures(
  folder: string,
  half: "server" | "client",
  scenarios: readonly string[],
): Promise<readonly string[]> {
  const results = await findResults(folder, half);
  const reasons = await Promise.all(
    scenarios.map(async (scenario) => {
      const result = results.get(scenario);
      const reason = result === undefined ? "it left no result" : await findReason(result, half);
      return reason === undefined ? [] : [`${scenario}: ${reason}`];
    }),
  );
  return reasons.flat();
}

/** The folders of the results by scenario, whose names are followed by the time: `server-ping-2026-11-28T…Z`. */
async function findResults(folder: string, half: "server" | "client"): Promise<ReadonlyMap<string, string>> {
  const files = await readdir(folder, { recursive: true }).catch(() => []);
  return new Map(
    files.flatMap((file) => {
      if (path.basename(file) !== "checks.json") return [];
      const name = path.dirname(file).replaceAll(path.sep, "/");
      const [, scenario] = /^(.+)-\d{4}-\d\d-\d\dT[\d-]+Z$/.exec(name) ?? [];
      if (scenario === undefined) return [];
      const plain = half === "server" ? scenario.replace(/^server-/, "") : scenario;
      return [[plain, path.join(folder, path.dirname(file))] as const];
    }),
  );
}

async function findReason(folder: string, half: "server" | "client"): Promise<string | undefined> {
  const read = (name: string) => readFile(path.join(folder, name), "utf8");
  const checks = Checks.parse(JSON.parse(await read("checks.json")));
  const bad = checks.filter(({ status }) => status === "FAILURE" || status === "WARNING");
  if (bad.length > 0)
    return bad
      .map((check) => `${check.status} ${check.id}: ${check.errorMessage ?? check.description}`)
      .join("\n    ");
  if (!checks.some(({ status }) => status === "SUCCESS")) return "nothing was checked";
  if (half === "server" || (await read("stdout.txt")).trim() === "as expected") return undefined;
  return `the client gave up: ${(await read("stderr.txt")).slice(0, MAX_ERROR_CHARS)}`;
}
