import { defineBrowserProvider } from "@vitest/browser";
import type { BrowserProvider, BrowserProviderOption, TestProject } from "vitest/node";

declare module "vitest/browser" {
  interface BrowserCommands {
    /** Sent by Vitest's own page to every provider. */
    __vitest_viewport: () => void;
  }
}

/** A browser of ours, for the suites that need no clicks: it opens Vitest's page, the page does the rest. */
export interface DrivenBrowser extends AsyncDisposable {
  /** Opens a page of its own at the address; the page before it is closed. */
  open(url: string): Promise<void>;
}

/**
 * Runs a Vitest project in a browser that Playwright cannot drive. One page at a time: Firefox and
 * WebKitGTK keep our frame in the page's process, where files side by side would wait for each other.
 */
export function drivenBrowser(
  name: "firefox" | "webkit",
  launch: () => Promise<DrivenBrowser>,
): BrowserProviderOption {
  return defineBrowserProvider({
    name: `driven-${name}`,
    supportedBrowser: [name],
    providerFactory: (project) => createProvider(project, name, launch),
  });
}

function createProvider(
  project: TestProject,
  name: string,
  launch: () => Promise<DrivenBrowser>,
): BrowserProvider {
  // Vitest asks for a size before each file; the window's own does.
  project.browser?.registerCommand("__vitest_viewport", () => {});
  let browser: Promise<DrivenBrowser> | undefined;
  return {
    name: `driven-${name}`,
    supportsParallelism: false,
    getCommandsContext: () => ({}),
    async openPage(_session, url) {
      browser ??= launch();
      await (await browser).open(url);
    },
    async close() {
      const open = browser;
      browser = undefined;
      // A launch that failed has told so where the page was to open.
      await open?.then(
        (one) => one[Symbol.asyncDispose](),
        () => {},
      );
    },
  };
}
