import type { ScenarioPlace, ScenarioRun } from "./scenario-run.ts";
import { runScenario } from "./scenarios.ts";

/** Runs a scenario in this process. */
export function runInNode(run: ScenarioRun): Promise<void> {
  return runScenario(run, { followRedirect });
}

/** Asks the authorization server by Node's `fetch`, which shows where a redirect leads. */
export const followRedirect: ScenarioPlace["followRedirect"] = async (url) => {
  const { status, headers } = await fetch(url, { redirect: "manual" });
  const target = headers.get("location");
  if (target === null) throw new Error(`The authorization server answered with HTTP ${status}.`);
  return new URL(target, url).href;
};
