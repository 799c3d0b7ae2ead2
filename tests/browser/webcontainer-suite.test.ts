import { afterAll } from "vitest";
import { webcontainer } from "../../src/webcontainer.ts";
import { sandboxSuite } from "../suites/sandbox-suite.ts";
import { bootContainer } from "./setup/webcontainer/page.ts";

const container = await bootContainer("suite");
afterAll(() => container.teardown());

sandboxSuite("WebContainer's adapter over a Node that is real and a service that is not", {
  // A page has one container, and some cases need a sandbox of their own.
  createSandbox: (options) => webcontainer({ ...options, container }),
  languages: ["javascript", "typescript"],
  skips: {
    "has no way out of the sandbox among its globals":
      "Node's own globals, network and process included, are what this sandbox is for; its traits say so.",
  },
});
