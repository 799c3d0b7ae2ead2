import type { Json, JsonObject } from "../../../src/base/json.ts";
import { openConnection } from "../../../src/mcp/connection.ts";
import { resolveServerOptions, type ServerOptions } from "../../../src/mcp/server-options.ts";
import { createServerSource, type ServerSource } from "../../../src/mcp/server-source.ts";
import { createArgumentChecker } from "../../../src/tools/arguments.ts";
import { createCatalog } from "../../../src/tools/catalog.ts";
import { describeTools } from "../../../src/tools/describe.ts";
import type { ScenarioRun } from "./scenario-run.ts";

/** The suite runs all its scenarios at once, and other programs may keep the machine busy. */
const CONNECT_TIMEOUT_MS = 60_000;

/** The source that our engine would make of the scenario's server. */
export function createSource({ serverUrl }: ScenarioRun, auth?: ServerOptions["auth"]): ServerSource {
  return createServerSource("conformance", {
    url: serverUrl,
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    ...(auth === undefined ? {} : { auth }),
  });
}

/** The source, connected. */
async function connect(run: ScenarioRun): Promise<ServerSource> {
  const source = createSource(run);
  await source.connect();
  requireReady(source);
  return source;
}

/** Throws, with the reason that a user would see, for a source that is not connected. */
export function requireReady({ status }: ServerSource): void {
  if (status.state === "ready") return;
  throw new Error(`The source is ${status.state}: ${status.state === "unavailable" ? status.message : ""}`);
}

export async function connects(run: ScenarioRun): Promise<void> {
  await using _source = await connect(run);
}

export async function callsAddNumbers(run: ScenarioRun): Promise<void> {
  await using source = await connect(run);
  await requireAnswer(source, "add_numbers", { a: 5, b: 3 }, "The sum of 5 and 3 is 8");
}

/** The stream of the call ends before its answer, which comes on the stream that is opened again. */
export async function waitsForTheStream(run: ScenarioRun): Promise<void> {
  await using source = await connect(run);
  await requireAnswer(source, "test_reconnection", {}, "Reconnection test completed successfully");
}

/** Lists and reads what the engine does not offer to programs yet, by the client that its sources have. */
export async function readsEverything(run: ScenarioRun): Promise<void> {
  await using source = await connect(run);
  for (const { name } of source.tools) await requireAnswer(source, name, {}, "Headers test completed");

  const options = resolveServerOptions("conformance", {
    url: run.serverUrl,
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
  });
  const deps = { fetch: (url: string | URL, init?: RequestInit) => fetch(url, init), random: Math.random };
  const events = { onToolsChanged() {}, onLost() {} };
  const signal = AbortSignal.timeout(CONNECT_TIMEOUT_MS);
  await using connection = await openConnection(options, deps, events, signal);
  const { resources } = await connection.client.listResources();
  for (const { uri } of resources) await connection.client.readResource({ uri });
  const { prompts } = await connection.client.listPrompts();
  for (const { name } of prompts) await connection.client.getPrompt({ name });
  if (resources.length === 0 || prompts.length === 0) throw new Error("There was nothing to read.");
}

export async function callsWithParamHeaders(run: ScenarioRun): Promise<void> {
  await using source = await connect(run);
  for (const call of run.context.toolCalls)
    await requireAnswer(source, call.name, call.arguments, "Custom headers test completed");
}

/** Every tool that is offered may be called: none of those whose marks break the rules is. */
export async function leavesInvalidToolsOut(run: ScenarioRun): Promise<void> {
  await using source = await connect(run);
  for (const { name } of source.tools)
    await requireAnswer(source, name, { region: "us-west1" }, "Tool call received");
}

/** What the engine does with a schema, other than calling: search, signatures in both languages, the check of arguments. */
export async function worksWithForeignSchema(run: ScenarioRun): Promise<void> {
  await using source = await connect(run);
  using catalog = createCatalog([source]);
  const [hit] = catalog.search("look up a user");
  const tool = hit === undefined ? undefined : catalog.find(hit.ref);
  if (tool === undefined) throw new Error("The tool is not found.");
  const countTokens = (texts: readonly string[]) => Promise.resolve(texts.map((text) => text.length));
  for (const language of ["typescript", "python"] as const)
    await describeTools([tool], { language, maxTokens: Infinity, countTokens });
  const problems = createArgumentChecker()(tool.definition.inputSchema, { id: "Not a user id", profile: {} });
  if (problems.length !== 1) throw new Error("The local reference is not followed.");
}

async function requireAnswer(
  source: ServerSource,
  name: string,
  args: JsonObject,
  expected: Json,
): Promise<void> {
  const { content } = await source.call(name, args, { signal: AbortSignal.timeout(60_000) });
  const [block] = content;
  const text = block?.type === "text" ? block.text : undefined;
  if (text !== expected) throw new Error(`${name} answered ${JSON.stringify(content)}`);
}
