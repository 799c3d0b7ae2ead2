import { OptimizerError } from "../../base/errors.ts";
import type { Engine } from "../../engine/engine.ts";
import type { CreateSessionOptions } from "../../sessions/session-record.ts";
import type { Handlers } from "./host-request.ts";
import { createSchemaParser } from "./json-body.ts";
import { SESSION_REQUEST } from "./schemas.ts";

export function createSessionRoutes(
  engineOf: (tenant: string | undefined) => Engine,
): Handlers<"createSession" | "listSessions" | "getSession" | "closeSession"> {
  const parseRequest = createSchemaParser<Omit<CreateSessionOptions, "tenant">>(
    SESSION_REQUEST,
    "The session",
  );
  return {
    async createSession({ tenant, body }) {
      const session = await engineOf(tenant).sessions.create(parseRequest(body));
      return Response.json(session, { status: 201 });
    },

    async listSessions({ tenant }) {
      return Response.json({ sessions: await engineOf(tenant).sessions.list() });
    },

    async getSession({ tenant, params }) {
      const session = await engineOf(tenant).sessions.get(params["id"] ?? "");
      if (session !== undefined) return Response.json(session);
      throw new OptimizerError("There is no such session, or it has ended.", {
        code: 400,
        kind: "unknown_session",
      });
    },

    async closeSession({ tenant, params }) {
      return Response.json(await engineOf(tenant).sessions.close(params["id"] ?? ""));
    },
  };
}
