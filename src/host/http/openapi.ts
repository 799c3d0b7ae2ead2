import type { JsonObject } from "../../base/json.ts";
import { VERSION } from "../../version.ts";
import { ROUTES, type Route } from "./routes.ts";
import { COMPONENTS } from "./schemas.ts";

/** The API as OpenAPI 3.1, made of the table that the server serves. */
export function describeApi(): JsonObject {
  const paths = new Map<string, Record<string, JsonObject>>();
  for (const route of ROUTES)
    paths.set(route.path, { ...paths.get(route.path), [route.method]: describeRoute(route) });
  return {
    openapi: "3.1.0",
    info: {
      title: "MCP Optimizer host",
      version: VERSION,
      description:
        "Statuses are the classes of the engine's errors (400 validation, 403 security, 408 time, 429 any budget, 500 everything else), beside 401 without a token, 404 outside of /v1, 413 for a body that is too large, and 503 while the host drains.",
    },
    paths: Object.fromEntries(paths),
    components: {
      schemas: COMPONENTS,
      securitySchemes: { token: { type: "http", scheme: "bearer" } },
    },
  };
}

function describeRoute({ operation, path, scope, summary, body, answer }: Route): JsonObject {
  const names = Array.from(path.matchAll(/\{(\w+)\}/g), ([, name = ""]) => name);
  const error = (description: string): JsonObject => ({
    description,
    content: { "application/json": { schema: reference("Error") } },
  });
  return {
    operationId: operation,
    summary,
    security: scope === "public" ? [] : [{ token: [scope] }],
    ...(names.length === 0
      ? {}
      : {
          parameters: names.map((name) => ({
            name,
            in: "path",
            required: true,
            schema: { type: "string" },
          })),
        }),
    ...(body === undefined
      ? {}
      : {
          requestBody: {
            required: true,
            content: {
              "application/json": { schema: body === "anything" || body === "unread" ? {} : reference(body) },
            },
          },
        }),
    responses: {
      [answer.status]: {
        description: answer.description,
        content: Object.fromEntries(
          Object.entries(answer.content).map(([type, name]) => [
            type,
            { schema: name === "text" ? { type: "string" } : reference(name) },
          ]),
        ),
      },
      default: error("A refusal or a failure."),
    },
  };
}

function reference(name: string): JsonObject {
  return { $ref: `#/components/schemas/${name}` };
}
