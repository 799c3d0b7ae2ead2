import { fileURLToPath } from "node:url";
import { chromium } from "playwright";
import { rolldown } from "rolldown";
import { closeServer, listen } from "../../../demo/servers/loopback.ts";
import { chromiumOptions } from "../../setup/chromium.ts";
import type { Execute } from "./harness.ts";
import { followRedirect } from "./in-node.ts";
import type {} from "./page.ts";

/** A page that runs scenarios, any number of them at a time. */
export interface ScenarioPage extends AsyncDisposable {
  readonly execute: Execute;
}

/** Starts a Chromium with one page that holds our MCP client, bundled as an embedder's would be. */
export async function openScenarioPage(): Promise<ScenarioPage> {
  await using stack = new AsyncDisposableStack();
  const script = await bundlePage();
  const { port, server } = await listen(
    (request, response) => {
      const isScript = request.url === "/page.js";
      response.setHeader("content-type", isScript ? "text/javascript" : "text/html");
      response.end(isScript ? script : '<!doctype html><script type="module" src="/page.js"></script>');
    },
    { port: 0, host: "127.0.0.1", name: "The conformance page" },
  );
  stack.defer(() => closeServer(server));
  const { args, ...options } = chromiumOptions();
  // The suite's servers answer no page: they send no CORS headers. Only this browser does without.
  const browser = await chromium.launch({ ...options, args: [...args, "--disable-web-security"] });
  stack.defer(() => browser.close());
  const page = await browser.newPage();
  await page.exposeFunction("followRedirect", followRedirect);
  await page.goto(`http://127.0.0.1:${port}/`);
  await page.waitForFunction(() => "runConformanceScenario" in globalThis);
  const open = stack.move();
  return {
    execute: (run) => page.evaluate((text) => globalThis.runConformanceScenario(text), JSON.stringify(run)),
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}

async function bundlePage(): Promise<string> {
  const bundle = await rolldown({
    input: fileURLToPath(new URL("page.ts", import.meta.url)),
    platform: "browser",
  });
  const { output } = await bundle.generate({ format: "es", codeSplitting: false });
  await bundle.close();
  return output[0].code;
}
