import type { SessionContext } from "../context/session-context.ts";

/** Opens a part of a session; guests reach the one without a name. The tenant is the engine's. */
export type OpenArea = (session: string, area?: EngineArea) => SessionContext;

/** What the engine keeps beside a session's context. */
export type EngineArea = "budget" | "globals" | "handles" | "policy" | "shapes" | "skills" | "suspended";
