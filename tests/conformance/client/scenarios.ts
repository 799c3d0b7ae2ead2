import { signInAndCall, signInFails } from "./auth-scenarios.ts";
import { answersWithDefaults, answersWithState } from "./input-scenarios.ts";
import type { ScenarioPlace, ScenarioRun } from "./scenario-run.ts";
import {
  callsAddNumbers,
  callsWithParamHeaders,
  connects,
  leavesInvalidToolsOut,
  readsEverything,
  waitsForTheStream,
  worksWithForeignSchema,
} from "./tool-scenarios.ts";

/** Does what the client of one scenario has to do. Rejects when it cannot, and when it does not come out as it should. */
export async function runScenario(run: ScenarioRun, place: ScenarioPlace): Promise<void> {
  const scenario = SCENARIOS.get(run.scenario);
  if (scenario === undefined) throw new Error(`There is nothing for the scenario ${run.scenario}.`);
  await scenario(run, place);
}

const SCENARIOS: ReadonlyMap<string, (run: ScenarioRun, place: ScenarioPlace) => Promise<void>> = new Map([
  ["initialize", connects],
  ["request-metadata", connects],
  ["tools_call", callsAddNumbers],
  ["sse-retry", waitsForTheStream],
  ["http-standard-headers", readsEverything],
  ["http-custom-headers", callsWithParamHeaders],
  ["http-invalid-tool-headers", leavesInvalidToolsOut],
  ["json-schema-ref-no-deref", worksWithForeignSchema],
  ["elicitation-sep1034-client-defaults", answersWithDefaults],
  ["sep-2322-client-request-state", answersWithState],
  ...[
    "metadata-default",
    "metadata-var1",
    "metadata-var2",
    "metadata-var3",
    "basic-cimd",
    "scope-from-www-authenticate",
    "scope-from-scopes-supported",
    "scope-omitted-when-undefined",
    "scope-step-up",
    "token-endpoint-auth-basic",
    "token-endpoint-auth-post",
    "token-endpoint-auth-none",
    "pre-registration",
    "offline-access-scope",
    "offline-access-not-supported",
    "authorization-server-migration",
    "iss-supported",
    "iss-not-advertised",
  ].map((name) => [`auth/${name}`, signInAndCall] as const),
  ...[
    "scope-retry-limit",
    "resource-mismatch",
    "iss-supported-missing",
    "iss-wrong-issuer",
    "iss-unexpected",
    "iss-normalized",
    "metadata-issuer-mismatch",
  ].map((name) => [`auth/${name}`, signInFails] as const),
]);
