import { type ScenarioPlace, ScenarioRun } from "./scenario-run.ts";
import { runScenario } from "./scenarios.ts";

declare global {
  var runConformanceScenario: (run: string) => Promise<void>;
  var followRedirect: ScenarioPlace["followRedirect"];
}

/** The page's entry: whoever drives the page calls this function. */
globalThis.runConformanceScenario = (run) =>
  runScenario(ScenarioRun.parse(JSON.parse(run)), {
    followRedirect: (url) => globalThis.followRedirect(url),
  });
