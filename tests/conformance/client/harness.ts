import { closeServer, listen, type RunningServer } from "../../../demo/servers/loopback.ts";
import { ScenarioRun } from "./scenario-run.ts";

/** Runs one scenario somewhere, to its end. Rejects with what went wrong. */
export type Execute = (run: ScenarioRun) => Promise<void>;

/** Takes scenarios from the suite's client command (`command.mjs`) over HTTP, and answers when they ended. */
export async function serveScenarios(execute: Execute): Promise<RunningServer> {
  const { port, server } = await listen(
    (request, response) => {
      void (async () => {
        try {
          let body = "";
          for await (const chunk of request.setEncoding("utf8")) body += String(chunk);
          await execute(ScenarioRun.parse(JSON.parse(body)));
          response.end();
        } catch (error) {
          response.statusCode = 500;
          response.end(error instanceof Error ? (error.stack ?? error.message) : String(error));
        }
      })();
    },
    { port: 0, host: "127.0.0.1", name: "The conformance harness" },
  );
  return { url: `http://127.0.0.1:${port}/`, close: () => closeServer(server) };
}
