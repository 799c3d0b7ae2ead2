import { afterEach, expect, test } from "vitest";
import { FrameWorker } from "../../src/sandbox/browser/frame.ts";
import type { FrameEnvelope } from "../../src/sandbox/browser/frame-control.ts";

const READY = '{"type":"ready"}';
const RUN = { type: "count", texts: [] } as const;

const open: MessagePort[] = [];
afterEach(() => {
  for (const port of open.splice(0)) port.close();
});

/** A worker as the page sees it, and the frame's end of its port. */
function connect() {
  const { port1, port2 } = new MessageChannel();
  open.push(port1, port2);
  const envelopes: FrameEnvelope[] = [];
  const ended: (number | undefined)[] = [];
  port2.onmessage = ({ data }: MessageEvent<FrameEnvelope>) => void envelopes.push(data);
  const busy: boolean[] = [];
  const worker = new FrameWorker(port1, {
    onEnd: (id) => ended.push(id),
    onBusy: (_worker, now) => busy.push(now),
  });
  return { worker, frame: port2, envelopes, ended, busy };
}

/** What was posted so far has arrived on both sides after this. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

test("is ready when it says so, and unfit with what it says else", async () => {
  const fit = connect();
  fit.frame.postMessage(READY);
  await fit.worker.ready;
  const unfit = connect();
  unfit.frame.postMessage('{"type":"unfit","message":"no wall"}');
  await expect(unfit.worker.ready).rejects.toThrow("no wall");
  const gone = connect();
  gone.frame.postMessage({ ended: "crash", message: "The worker crashed." });
  await expect(gone.worker.ready).rejects.toThrow("The worker crashed.");
});

test("gives credit for each message exactly once: with the next command, or in groups of 16", async () => {
  const { worker, frame, envelopes } = connect();
  frame.postMessage(READY);
  await worker.ready;
  const heard: unknown[] = [];
  worker.listen(
    (data) => heard.push(data),
    () => {},
  );
  for (let message = 0; message < 40; message += 1) frame.postMessage(`m${message}`);
  await settle();
  expect(heard).toEqual(Array.from({ length: 40 }, (_, message) => `m${message}`));
  expect(envelopes).toEqual([{ credits: 16 }, { credits: 16 }]);
  worker.send(RUN);
  await settle();
  expect(envelopes.slice(2)).toEqual([{ credits: 9, command: RUN }]);
});

test("tells its listener once when the frame ended it, and whether it flooded", async () => {
  for (const [ended, reason] of [
    ["flood", "security"],
    ["crash", "crashed"],
  ] as const) {
    const one = connect();
    one.worker.assign(7);
    const deaths: unknown[] = [];
    one.worker.listen(
      () => {},
      (...death) => deaths.push(death),
    );
    one.frame.postMessage({ ended, message: "over" });
    one.frame.postMessage({ ended, message: "again" });
    await settle();
    expect(deaths).toEqual([["over", reason]]);
    expect(one).toMatchObject({ ended: [7], worker: { alive: false } });
  }
});

test("hears nothing of a worker that was ended, and sends it nothing", async () => {
  const { worker, frame, envelopes, ended } = connect();
  const heard: unknown[] = [];
  worker.listen(
    (data) => heard.push(data),
    () => heard.push("death"),
  );
  worker.assign(3);
  worker.kill();
  worker.kill();
  frame.postMessage("late");
  worker.send(RUN);
  await settle();
  expect({ heard, envelopes, ended }).toEqual({ heard: [], envelopes: [], ended: [3] });
});

test("a worker that was ended before it had its number is ended by it afterwards", () => {
  const { worker, ended } = connect();
  worker.kill();
  worker.assign(5);
  expect(ended).toEqual([undefined, 5]);
});

test("a worker that speaks while nobody asked it anything is ended", async () => {
  const { worker, frame } = connect();
  frame.postMessage(READY);
  await worker.ready;
  frame.postMessage("psst");
  await settle();
  expect(worker.alive).toBe(false);
});

test("is busy while somebody listens", async () => {
  const { worker, frame, busy } = connect();
  frame.postMessage(READY);
  await worker.ready;
  expect(busy).toEqual([true, false]);
  worker.listen(
    () => {},
    () => {},
  );
  worker.unlisten();
  expect(busy.slice(2)).toEqual([true, false]);
  worker.kill();
  expect(busy.slice(4)).toEqual([false]);
});
