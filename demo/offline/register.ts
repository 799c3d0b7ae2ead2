/** What the browser has of Trusted Types; its address passes for a text. */
declare const trustedTypes:
  | {
      createPolicy(
        name: string,
        rules: { readonly createScriptURL: () => string },
      ): { createScriptURL(url: string): string };
    }
  | undefined;

/** Lets the page work without its server from now on. Where that may not be, it goes on as it is. */
export async function keepForOffline(): Promise<void> {
  if (!("serviceWorker" in navigator)) return;
  try {
    await navigator.serviceWorker.register(workerUrl());
  } catch (error) {
    console.info(`The page will not work offline: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Under the page's policy only a maker that it names may name a script, and this one knows one. */
function workerUrl(): string {
  const url = "./service-worker.js";
  if (typeof trustedTypes === "undefined") return url;
  return trustedTypes.createPolicy("mcp-optimizer-demo", { createScriptURL: () => url }).createScriptURL(url);
}
