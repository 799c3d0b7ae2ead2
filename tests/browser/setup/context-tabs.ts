import type { TabReport, TabTask } from "./context-hammer.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** How long tabs hammer one session. Milliseconds; `MCP_OPTIMIZER_HAMMER_MS` gives another. */
    readonly contextHammerMs: number;
  }
}

const SCRIPT = new URL("./context-tab.ts", import.meta.url).href;

/** In a worker, with a thread of its own. */
export async function hammerInWorker(task: TabTask): Promise<TabReport> {
  const worker = new Worker(SCRIPT, { type: "module" });
  try {
    return await new Promise((resolve, reject) => {
      worker.onmessage = ({ data }: MessageEvent<TabReport>) => resolve(data);
      worker.onerror = ({ message }) => reject(new Error(`The worker failed: ${message}`));
      worker.postMessage(task);
    });
  } finally {
    worker.terminate();
  }
}

/** In a frame of this origin. */
export async function hammerInFrame(task: TabTask): Promise<TabReport> {
  const frame = document.createElement("iframe");
  frame.srcdoc = `<!doctype html><script type="module" src="${SCRIPT}"></script>`;
  const { promise, resolve } = Promise.withResolvers<TabReport>();
  const hear = ({ source, data }: MessageEvent<TabReport | "ready">): void => {
    if (source !== frame.contentWindow) return;
    if (data === "ready") frame.contentWindow?.postMessage(task, "*");
    else resolve(data);
  };
  addEventListener("message", hear);
  try {
    document.body.append(frame);
    return await promise;
  } finally {
    removeEventListener("message", hear);
    frame.remove();
  }
}
