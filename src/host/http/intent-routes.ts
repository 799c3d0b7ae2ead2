import type { JsonObject } from "../../base/json.ts";
import type { Engine } from "../../engine/engine.ts";
import type { RunOptions } from "../../engine/run-scope.ts";
import type { Runs } from "../runs.ts";
import type { Handlers } from "./host-request.ts";
import { createSchemaParser } from "./json-body.ts";
import { INTENT_REQUEST } from "./schemas.ts";

interface IntentBody extends Pick<RunOptions, "session" | "maxTokens"> {
  readonly id?: string | number;
  readonly params?: JsonObject;
}

export function createIntentRoutes(
  runs: Runs,
  engineOf: (tenant: string | undefined) => Engine,
): Handlers<"executeIntent"> {
  const parseRequest = createSchemaParser<IntentBody>(INTENT_REQUEST, "The request");
  return {
    async executeIntent({ request, tenant, params, body }) {
      const { id, params: given, ...options } = parseRequest(body);
      const intent = {
        intent: params["name"] ?? "",
        ...(id === undefined ? {} : { id }),
        ...(given === undefined ? {} : { params: given }),
      };
      const response = await runs.within(tenant, request.signal, (own) =>
        engineOf(tenant).execute(intent, { ...options, ...own }),
      );
      return Response.json(response);
    },
  };
}
