import { framePolicy, openFrameWith } from "../setup/frame-with.ts";
import type { Executor } from "./executor.ts";
import { toEnded, type WorkerMessage } from "./unsafe-baseline.ts";

/** A document as the place of programs: our frame's sandbox and policy, and the program as its script. */
export function openUnsafeDocument(): Executor {
  return {
    language: "javascript",
    calls: [],
    prepare: async () => {},
    async run(code, { limits, session }) {
      // The run after an attack has tools that a document of this kind has not; it is not what is asked here.
      if (session !== "attacker") return { end: "returned", value: undefined, output: "", logs: [], ms: 0 };
      const started = performance.now();
      const script = `(async () => {${code}})().then((value) => parent.postMessage({ type: "done", value }, "*"), (error) => parent.postMessage({ type: "failed", error }, "*"))`;
      await using frame = await openFrameWith(script, "allow-scripts", framePolicy);
      const late = new Promise<undefined>((resolve) => setTimeout(resolve, limits.timeoutMs + 1_500));
      const message = (await Promise.race([frame.said, late])) as WorkerMessage | undefined;
      return toEnded(message, [], performance.now() - started);
    },
    async [Symbol.asyncDispose]() {},
  };
}
