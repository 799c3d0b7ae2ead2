import "../../../src/base/dispose-symbols.ts";
import { hammer, type TabReport, type TabTask } from "./context-hammer.ts";

// Another tab: the script of a worker, or of a frame of the same origin.

const answer = (task: TabTask, reply: (report: TabReport) => void): void => {
  hammer(task).then(reply, (error: unknown) =>
    reply({ tab: task.tab, acknowledged: 0, own: 0, errors: [String(error)], health: "none" }),
  );
};

if (globalThis.window === undefined) {
  globalThis.onmessage = ({ data }: MessageEvent<TabTask>) => answer(data, (report) => postMessage(report));
} else {
  globalThis.onmessage = ({ data, source }: MessageEvent<TabTask>) =>
    answer(data, (report) => source?.postMessage(report, { targetOrigin: "*" }));
  parent.postMessage("ready", "*");
}
