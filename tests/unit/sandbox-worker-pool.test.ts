import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type Poolable, WorkerPool, type WorkerPoolOptions } from "../../src/sandbox/worker-pool.ts";

class FakeWorker implements Poolable {
  readonly name: string;
  alive = true;

  constructor(name: string) {
    this.name = name;
  }

  kill(): void {
    this.alive = false;
  }
}

/** A pool whose workers start when the test says so. */
function scriptedPool({
  maxWorkers = 2,
  cores = 8,
  minSpares = 0,
  maxSpares = 4,
  idleMs = 1_000,
  reuse = "session",
}: Partial<Omit<WorkerPoolOptions<FakeWorker>, "spawn">> = {}) {
  const starting: { resolve: (worker: FakeWorker) => void; reject: (reason: unknown) => void }[] = [];
  const spawned: FakeWorker[] = [];
  const spares: boolean[] = [];
  const pool = new WorkerPool<FakeWorker>({
    spawn: (isSpare) => {
      spares.push(isSpare);
      return new Promise((resolve, reject) => starting.push({ resolve, reject }));
    },
    maxWorkers,
    cores,
    reuse,
    minSpares,
    maxSpares,
    idleMs,
  });
  return {
    pool,
    take: (signal: AbortSignal = never, session = "s") => pool.take(signal, session),
    spawned,
    /** Of each that was started, whether nobody waited for it. */
    spares,
    get starting() {
      return starting.length;
    },
    async start(): Promise<FakeWorker> {
      const worker = new FakeWorker(`w${spawned.length + 1}`);
      spawned.push(worker);
      starting.shift()?.resolve(worker);
      await settle();
      return worker;
    },
    async fail(reason: unknown): Promise<void> {
      starting.shift()?.reject(reason);
      await settle();
    },
  };
}

const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
};

const never = new AbortController().signal;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test("starts no more workers than it may, and serves callers in their order", async () => {
  const scripted = scriptedPool({ maxWorkers: 2 });
  const { pool } = scripted;
  const order: string[] = [];
  const take = (caller: string) =>
    scripted.take().then((worker) => {
      order.push(`${caller} ${worker.name}`);
      return worker;
    });
  const [first, , ,] = [take("a"), take("b"), take("c"), take("d")];
  expect(scripted.starting).toBe(2);
  await scripted.start();
  await scripted.start();
  expect(order).toEqual(["a w1", "b w2"]);
  pool.give(await first);
  await settle();
  expect(order).toEqual(["a w1", "b w2", "c w1"]);
  expect(scripted.starting).toBe(0);
});

test("a worker that comes back serves one who waits for a start", async () => {
  const scripted = scriptedPool({ maxWorkers: 2 });
  const first = scripted.take();
  const worker = await scripted.start();
  await first;
  const second = scripted.take();
  expect(scripted.starting).toBe(1);
  scripted.pool.give(worker);
  expect(await second).toBe(worker);
});

test("a caller that gives up leaves the queue, and its worker to the next", async () => {
  const scripted = scriptedPool({ maxWorkers: 1 });
  const controller = new AbortController();
  const first = scripted.take(controller.signal);
  const second = scripted.take();
  controller.abort();
  await expect(first).rejects.toMatchObject({ code: 408, kind: "cancelled" });
  const worker = await scripted.start();
  expect(await second).toBe(worker);
});

test("a caller that gave up before it came starts nothing", async () => {
  const scripted = scriptedPool();
  await expect(scripted.take(AbortSignal.abort())).rejects.toMatchObject({
    code: 408,
    kind: "cancelled",
  });
  expect(scripted.starting).toBe(0);
});

test("an abort after the worker was handed over changes nothing", async () => {
  const scripted = scriptedPool();
  const controller = new AbortController();
  const taken = scripted.take(controller.signal);
  const worker = await scripted.start();
  controller.abort();
  expect(await taken).toBe(worker);
  expect(worker.alive).toBe(true);
});

test("a failed start is told to the one who waits longest, the others get their own try", async () => {
  const scripted = scriptedPool({ maxWorkers: 1 });
  const first = scripted.take();
  const second = scripted.take();
  const told = first.catch((error: unknown) => error);
  const failure = new Error("no frame");
  await scripted.fail(failure);
  expect(await told).toBe(failure);
  expect(scripted.starting).toBe(1);
  expect((await Promise.all([second, scripted.start()])).map(({ name }) => name)).toEqual(["w1", "w1"]);
});

test("a failed preparation is told to the one who prepares", async () => {
  const scripted = scriptedPool();
  const prepared = scripted.pool.prepare().catch((error: unknown) => error);
  const failure = new Error("no frame");
  await scripted.fail(failure);
  expect(await prepared).toBe(failure);
});

test("preparing starts a worker only when none is ready or on its way", async () => {
  const scripted = scriptedPool();
  const prepared = Promise.all([scripted.pool.prepare(), scripted.pool.prepare()]);
  expect(scripted.starting).toBe(1);
  await scripted.start();
  await prepared;
  await scripted.pool.prepare();
  expect(scripted.starting).toBe(0);
});

test("a worker that died is replaced, at once for one who waits", async () => {
  const scripted = scriptedPool({ maxWorkers: 1 });
  const first = scripted.take();
  const worker = await scripted.start();
  await first;
  const second = scripted.take();
  worker.kill();
  scripted.pool.give(worker);
  expect(scripted.starting).toBe(1);
  expect((await scripted.start()).name).toBe("w2");
  expect((await second).name).toBe("w2");
});

test("a worker that died while it rested is never lent", async () => {
  const scripted = scriptedPool({ maxWorkers: 1 });
  void scripted.pool.prepare();
  const worker = await scripted.start();
  worker.kill();
  const taken = scripted.take();
  expect(scripted.starting).toBe(1);
  const next = await scripted.start();
  expect(await taken).toBe(next);
});

test("workers that a session left idle too long end", async () => {
  const scripted = scriptedPool({ maxWorkers: 3, idleMs: 1_000 });
  const taken = [1, 2, 3].map(() => scripted.take());
  for (const _ of taken) await scripted.start();
  for (const worker of await Promise.all(taken)) scripted.pool.give(worker);
  vi.advanceTimersByTime(999);
  expect(scripted.spawned.map(({ alive }) => alive)).toEqual([true, true, true]);
  vi.advanceTimersByTime(1);
  expect(scripted.spawned.map(({ alive }) => alive)).toEqual([false, false, false]);
});

test("a worker goes to later runs of its session, and never to another one", async () => {
  const scripted = scriptedPool({ maxWorkers: 2 });
  const first = scripted.take(never, "a");
  const worker = await scripted.start();
  scripted.pool.give(await first);
  const other = scripted.take(never, "b");
  expect(scripted.starting).toBe(1);
  const second = await scripted.start();
  expect(await other).toBe(second);
  expect(await scripted.take(never, "a")).toBe(worker);
});

test("an idle worker of another session makes room", async () => {
  const scripted = scriptedPool({ maxWorkers: 1 });
  const first = scripted.take(never, "a");
  const worker = await scripted.start();
  scripted.pool.give(await first);
  const other = scripted.take(never, "b");
  expect(worker.alive).toBe(false);
  expect(await Promise.all([other, scripted.start()]).then(([lent]) => lent.name)).toBe("w2");
});

test("without reuse a worker ends with its run, and a spare is started for the next", async () => {
  const scripted = scriptedPool({ maxWorkers: 4, reuse: "never", minSpares: 1 });
  const first = scripted.take();
  const worker = await scripted.start();
  scripted.pool.give(await first);
  expect(worker.alive).toBe(false);
  // Whoever waits for the run's result hears it first.
  await settle();
  expect(scripted.starting).toBe(0);
  await vi.advanceTimersByTimeAsync(0);
  expect(scripted.starting).toBe(1);
  const spare = await scripted.start();
  expect(await scripted.take()).toBe(spare);
});

test("a spare waits for the run that took the last one, but not for long", async () => {
  const scripted = scriptedPool({ maxWorkers: 4, reuse: "never", minSpares: 1 });
  void scripted.take();
  await scripted.start();
  await vi.advanceTimersByTimeAsync(249);
  expect(scripted.starting).toBe(0);
  await vi.advanceTimersByTimeAsync(1);
  expect(scripted.starting).toBe(1);
});

test("whoever waits for a spare that was starting, and does not start, gets a try of its own", async () => {
  const scripted = scriptedPool({ maxWorkers: 4, reuse: "never", minSpares: 1 });
  void scripted.take();
  await scripted.start();
  await vi.advanceTimersByTimeAsync(250);
  expect(scripted.starting).toBe(1);
  await vi.advanceTimersByTimeAsync(10);
  const late = scripted.take();
  await scripted.fail(new Error("It was killed."));
  expect(scripted.starting).toBe(1);
  expect(await Promise.all([late, scripted.start()]).then(([lent]) => lent.name)).toBe("w2");
});

test("keeps more spares while runs come fast, and lets them go after", async () => {
  const scripted = scriptedPool({
    maxWorkers: 8,
    reuse: "never",
    minSpares: 1,
    maxSpares: 3,
    idleMs: 20_000,
  });
  // Each start takes a second, and a run comes every half second.
  for (let run = 0; run < 20; run += 1) {
    void scripted.take().then((worker) => scripted.pool.give(worker));
    await vi.advanceTimersByTimeAsync(500);
    if (run % 2 === 1 || scripted.starting > 1) await scripted.start();
  }
  while (scripted.starting > 0) {
    await vi.advanceTimersByTimeAsync(1_000);
    await scripted.start();
    await vi.advanceTimersByTimeAsync(100);
  }
  const spares = (): number => scripted.spawned.filter(({ alive }) => alive).length;
  expect(spares()).toBeGreaterThan(1);
  expect(spares()).toBeLessThanOrEqual(3);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(spares()).toBe(1);
});

test("says of each worker whether somebody waits for it", async () => {
  const scripted = scriptedPool({ maxWorkers: 4, minSpares: 1, reuse: "never" });
  const prepared = scripted.pool.prepare();
  await scripted.start();
  await prepared;
  await scripted.take();
  const second = scripted.take();
  await scripted.start();
  scripted.pool.give(await second);
  await vi.advanceTimersByTimeAsync(0);
  expect(scripted.spares).toEqual([true, false, true]);
});

test("keeps no idle worker in a page that nobody sees, and none is started there", async () => {
  const scripted = scriptedPool({ maxWorkers: 4, minSpares: 1, idleMs: 1_000_000 });
  const prepared = scripted.pool.prepare();
  const spare = await scripted.start();
  await prepared;
  scripted.pool.setHidden(true);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(spare.alive).toBe(false);
  expect(scripted.starting).toBe(0);
  scripted.pool.setHidden(false);
  expect(scripted.starting).toBe(1);
});

test("closing ends every worker and tells everyone who waits", async () => {
  const scripted = scriptedPool({ maxWorkers: 2 });
  const lent = scripted.take();
  await scripted.start();
  await lent;
  const starting = scripted.take();
  const waiting = scripted.take();
  scripted.pool.close();
  scripted.pool.close();
  await expect(starting).rejects.toMatchObject({ code: 500, kind: "closed" });
  await expect(waiting).rejects.toMatchObject({ code: 500, kind: "closed" });
  await expect(scripted.take()).rejects.toMatchObject({ code: 500, kind: "closed" });
  await scripted.start();
  expect(scripted.spawned.map(({ alive }) => alive)).toEqual([false, false]);
  expect(vi.getTimerCount()).toBe(0);
});

test("starts workers beyond the cores only when others rest", async () => {
  const scripted = scriptedPool({ maxWorkers: 3, cores: 1 });
  const first = scripted.take();
  const worker = await scripted.start();
  await first;
  const second = scripted.take();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(scripted.starting).toBe(0);
  scripted.pool.rest(worker, true);
  await vi.advanceTimersByTimeAsync(100);
  expect(scripted.starting).toBe(1);
  const other = await scripted.start();
  expect(await second).toBe(other);
  // The first computes again: now nobody makes room.
  scripted.pool.rest(worker, false);
  const third = scripted.take();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(scripted.starting).toBe(0);
  scripted.pool.give(other);
  expect(await third).toBe(other);
  scripted.pool.close();
});
