import type { Json } from "../../base/json.ts";
import type { Operation } from "./routes.ts";

/** A request that was let in, as its handler gets it. */
export interface HostRequest {
  readonly request: Request;
  /** What stands in the path's places. */
  readonly params: Readonly<Record<string, string>>;
  /** Whose token it came with; of public routes nobody's. */
  readonly tenant: string | undefined;
  /** The body of a route that takes JSON. */
  readonly body: Json | undefined;
}

export type Handler = (request: HostRequest) => Response | Promise<Response>;

export type Handlers<Names extends Operation = Operation> = Readonly<Record<Names, Handler>>;
