import { GuardedTransport } from "../../../src/mcp/guarded-transport.ts";
import { createLimitedFetch, type FetchLike } from "../../../src/mcp/limited-fetch.ts";
import {
  createMirroringClient,
  loadMcpSdk,
  type MirroringClient,
} from "../../../src/mcp/mirroring-client.ts";
import { parseToolResult } from "../../../src/mcp/parse-result.ts";
import type { ScenarioRun } from "./scenario-run.ts";

// The engine's sources declare no elicitation, so these scenarios put together the parts that a source connects
// by (client, guarded transport, parser of answers) and let this file play the user.

const MAX_BYTES = 16 * 1024 * 1024;

/** The user leaves the whole form as it is. The server of 2025 asks on the stream for its own messages, or not at all. */
export async function answersWithDefaults(run: ScenarioRun): Promise<void> {
  const ownMessages = Promise.withResolvers<unknown>();
  const client = await connectUser(run, {}, (url, init) => {
    const response = fetch(url, init);
    if (init?.method === "GET") ownMessages.resolve(response);
    return response;
  });
  await ownMessages.promise;
  await requireText(client, "test_client_elicitation_defaults", /^Elicitation completed: /);
  await client.close();
}

/** The user confirms; a call that has nothing to do with it runs in between. */
export async function answersWithState(run: ScenarioRun): Promise<void> {
  const client = await connectUser(run, { confirmed: true });
  await Promise.all([
    requireText(client, "test_mrtr_echo_state", /^echo-state-ok$/),
    requireText(client, "test_mrtr_unrelated", /^unrelated-ok$/),
  ]);
  await requireText(client, "test_mrtr_no_state", /^no-state-ok$/);
  await requireText(client, "test_mrtr_no_result_type", /^no-result-type-test-ok$/);
  await client.close();
}

async function connectUser(
  { serverUrl }: ScenarioRun,
  content: Readonly<Record<string, boolean>>,
  fetchServer: FetchLike = (url, init) => fetch(url, init),
): Promise<MirroringClient> {
  const sdk = await loadMcpSdk();
  const client = createMirroringClient(sdk, "auto");
  client.registerCapabilities({ elicitation: { form: { applyDefaults: true } } });
  client.setRequestHandler("elicitation/create", () => ({ action: "accept", content: { ...content } }));
  const limited = createLimitedFetch(fetchServer, MAX_BYTES);
  const { fetch: limitedFetch } = limited;
  const inner = new sdk.StreamableHTTPClientTransport(new URL(serverUrl), {
    fetch: limitedFetch,
    redirectPolicy: "follow",
  });
  await client.connect(new GuardedTransport(inner, limited));
  return client;
}

async function requireText(client: MirroringClient, name: string, expected: RegExp): Promise<void> {
  const answer = parseToolResult(await client.callRaw(name, {}, undefined, { timeout: 60_000 }));
  const [block] = answer?.content ?? [];
  if (block?.type !== "text" || !expected.test(block.text))
    throw new Error(`${name} answered ${JSON.stringify(answer)}`);
}
