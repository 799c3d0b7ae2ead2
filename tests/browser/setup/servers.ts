import type { TestProject } from "vitest/node";
import { startErrorsServer } from "../../../demo/servers/errors-server.ts";
import { startEverythingServer } from "../../../demo/servers/everything-server.ts";
import { closeServer, findFreePort, listen } from "../../../demo/servers/loopback.ts";
import { startChangingServer } from "./changing-server.ts";
import { startStrictPages } from "./strict-pages.ts";

declare module "vitest" {
  interface ProvidedContext {
    readonly servers: {
      /** 10,000 rows of errors. */
      readonly errors: string;
      /** The official test server. */
      readonly everything: string;
      /** A server of the current protocol whose tools change, with its controls beside it. */
      readonly changing: string;
      /** Answers, but lets no page read it. */
      readonly silent: string;
      /** Nobody listens there. */
      readonly down: string;
      /** Pages with strict headers. */
      readonly strictPages: string;
    };
  }
}

/** Starts the servers that the browser tests use, and gives their addresses to the pages. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const running = new AsyncDisposableStack();
  const keep = <T extends { close(): Promise<void> }>(server: T): T =>
    running.adopt(server, (one) => one.close());
  try {
    const errors = keep(await startErrorsServer({ port: 0, host: "127.0.0.1" }));
    const everything = keep(await startEverythingServer({ port: 0 }));
    const changing = keep(await startChangingServer());
    const silent = await listen((_, response) => response.end("{}"), {
      port: 0,
      host: "127.0.0.1",
      name: "The silent server",
    });
    running.defer(() => closeServer(silent.server));
    const strictPages = keep(await startStrictPages([errors.url]));
    project.provide("servers", {
      errors: errors.url,
      everything: everything.url,
      changing: changing.url,
      silent: `http://127.0.0.1:${silent.port}/mcp`,
      down: `http://127.0.0.1:${await findFreePort()}/mcp`,
      strictPages: strictPages.url,
    });
  } catch (error) {
    await running.disposeAsync();
    throw error;
  }
  return () => running.disposeAsync();
}
