import { createMcpHandler, type McpHttpHandler, type McpServer } from "@modelcontextprotocol/server";
import type { Engine } from "../../engine/engine.ts";
import { type ModelOutput, toModelFailure, toModelOutput } from "../../engine/model-output.ts";
import { readProgram } from "../../engine/request.ts";
import { createToolServer } from "../../engine/tool-server.ts";
import type { Runs } from "../runs.ts";
import type { Handler, Handlers } from "./host-request.ts";

export interface McpEndpointOptions {
  readonly runs: Runs;
  readonly engineOf: (tenant: string | undefined) => Engine;
  /** Hears of failures that no client is told of. */
  readonly onError: (error: unknown) => void;
}

/** The host as an MCP server of both protocol eras, for agents that know nothing of it: two tools in place of all. */
export interface McpEndpoint extends AsyncDisposable {
  readonly handlers: Handlers<"getMcp" | "postMcp" | "deleteMcp">;
  /** Tells clients that listen that the tools are described anew. */
  toolsChanged(): void;
}

export function createMcpEndpoint({ runs, engineOf, onError }: McpEndpointOptions): McpEndpoint {
  const endpoints = new Map<string | undefined, McpHttpHandler>();
  const endpointOf = (tenant: string | undefined): McpHttpHandler => {
    const endpoint =
      endpoints.get(tenant) ??
      createMcpHandler(() => createServer({ runs, engine: engineOf(tenant), tenant }), { onerror: onError });
    endpoints.set(tenant, endpoint);
    return endpoint;
  };
  const serve: Handler = ({ request, tenant, body }) =>
    endpointOf(tenant).fetch(request, body === undefined ? {} : { parsedBody: body });
  return {
    handlers: { getMcp: serve, postMcp: serve, deleteMcp: serve },
    toolsChanged() {
      for (const endpoint of endpoints.values()) endpoint.notify.toolsChanged();
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(Array.from(endpoints.values(), (endpoint) => endpoint.close()));
    },
  };
}

interface ServerParts {
  readonly runs: Runs;
  readonly engine: Engine;
  readonly tenant: string | undefined;
}

async function createServer({ runs, engine, tenant }: ServerParts): Promise<McpServer> {
  const { tool } = await engine.offer.capabilities();
  const { server } = createToolServer({
    tool: engine.modelTool(tool),
    search: (query, searchOptions) => engine.offer.search(query, searchOptions),
    async execute(input, { context, onEvent: progress }) {
      try {
        return await runs.within(tenant, context.mcpReq.signal, async ({ signal }) => {
          const result = await engine.runner.run(readProgram(input), { signal, onEvent: progress });
          return withWayOn(toModelOutput(result));
        });
      } catch (error) {
        return toModelFailure(error);
      }
    },
  });
  return server;
}

/** What a person does who has decided: MCP has no way back to the call. */
function withWayOn(output: ModelOutput): ModelOutput {
  if (output.status !== "suspended") return output;
  const path = `/v1/runs/${encodeURIComponent(output.resume)}/resume`;
  const body = '{ "decisions": { "<approval id>": { "allow": true } } }';
  const hint = `A person has to decide: POST ${path} of this host with ${body}, and a token with the scope approve, answers with the result. Do not run the program again.`;
  return { ...output, hint };
}
