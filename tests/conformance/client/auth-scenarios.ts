import type { ServerSource } from "../../../src/mcp/server-source.ts";
import type { ScenarioPlace, ScenarioRun } from "./scenario-run.ts";
import { SignIn } from "./sign-in.ts";
import { createSource, requireReady } from "./tool-scenarios.ts";

/** Signs in as often as the server wants, and calls its tool. */
export async function signInAndCall(run: ScenarioRun, place: ScenarioPlace): Promise<void> {
  const signIn = new SignIn(run, place);
  await using source = createSource(run, signIn);
  await connectSignedIn(source, signIn);
  requireReady(source);
  await callSignedIn(source, signIn);
}

/** The sign-in must not come to an end; whoever asked for it is told. */
export async function signInFails(run: ScenarioRun, place: ScenarioPlace): Promise<void> {
  const signIn = new SignIn(run, place);
  await using source = createSource(run, signIn);
  const failure = await connectSignedIn(source, signIn).then(
    () => undefined,
    (error: unknown) => error,
  );
  if (source.status.state === "ready" || (failure === undefined && source.status.state !== "unavailable"))
    throw new Error("The server is trusted in spite of what it answered.");
}

async function connectSignedIn(source: ServerSource, signIn: SignIn): Promise<void> {
  await source.connect();
  while (source.status.state !== "ready" && signIn.wanted) {
    await signIn.consent();
    await source.connect();
  }
}

async function callSignedIn(source: ServerSource, signIn: SignIn): Promise<void> {
  for (;;) {
    try {
      await source.call("test-tool", {}, { signal: AbortSignal.timeout(60_000) });
      return;
    } catch (error) {
      if (!signIn.wanted) throw error;
      await signIn.consent();
    }
  }
}
