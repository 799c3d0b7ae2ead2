import { Validator as OpenApiValidator } from "@seriousme/openapi-schema-validator";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createSchemaParser } from "../../src/host/http/json-body.ts";
import { type OpenHost, openHost, readEvents } from "./setup/open-host.ts";

let open: OpenHost;
let api: Record<string, Record<string, Record<string, unknown>>>;
let description: { readonly components: { readonly schemas: Record<string, object> } };

beforeAll(async () => {
  open = await openHost();
  description = await (await fetch(`${open.url}/openapi.json`)).json();
  api = (description as unknown as { paths: typeof api }).paths;
});

afterAll(() => open[Symbol.asyncDispose]());

/** Throws where a value is not what the description says of the component. */
function requireComponent(name: string, value: unknown): void {
  const { components } = description;
  createSchemaParser<unknown>({ $ref: `#/components/schemas/${name}`, components } as never, name)(value);
}

describe("the description of the API", () => {
  test("is OpenAPI 3.1", async () => {
    const result = await new OpenApiValidator().validate(description);
    expect(result.errors ?? []).toEqual([]);
    expect(result.valid).toBe(true);
  });

  test("names routes that are there, and asks for a token exactly where the host does", async () => {
    const operations = Object.entries(api).flatMap(([place, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ place, method, operation })),
    );
    expect(operations.length).toBeGreaterThan(15);
    for (const { place, method, operation } of operations) {
      const response = await fetch(open.url + place.replaceAll(/\{\w+\}/g, "x"), { method });
      const isPublic = Array.isArray(operation["security"]) && operation["security"].length === 0;
      expect([method, place, response.status === 401]).toEqual([method, place, !isPublic]);
      if (isPublic) expect([place, response.status]).toEqual([place, 200]);
      await response.body?.cancel();
    }
  });

  test("says what answers have", async () => {
    const json = async (response: Promise<Response>): Promise<unknown> => (await response).json();
    const started = await open.send("/v1/runs", { json: { code: "console.log(1); return 2" } });
    const events = await readEvents(started);
    for (const event of events) requireComponent("RunEvent", event);
    requireComponent("RunResult", events.at(-1)?.["result"]);
    const session = await json(open.send("/v1/sessions", { json: {} }));
    requireComponent("Session", session);
    requireComponent("Sessions", await json(open.send("/v1/sessions")));
    const { id } = session as { readonly id: string };
    requireComponent("ArchivedSession", await json(open.send(`/v1/sessions/${id}`, { method: "DELETE" })));
    const runId = String(events[0]?.["runId"]);
    requireComponent("Run", await json(open.send(`/v1/runs/${runId}`)));
    requireComponent("JsonRpcResponse", await json(open.send("/v1/intents/x", { json: { id: 1 } })));
    requireComponent("Error", await json(open.send("/v1/runs", { json: {} })));
    requireComponent("Health", await json(fetch(`${open.url}/readyz`)));
    expect(() => requireComponent("Run", { runId })).toThrow();
  });
});
