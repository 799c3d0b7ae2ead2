import { afterEach, describe, expect, inject, test, vi } from "vitest";
import { cdp, server } from "vitest/browser";
import { parseChange } from "../../src/context/backend-change.ts";
import { indexedDb } from "../../src/context/browser/indexed-db.ts";
import type { ContextHealth } from "../../src/context/context-backend.ts";
import { createContextStore } from "../../src/context/context-store.ts";
import { collect, until } from "../suites/context-case.ts";
import { STORED_BLOBS } from "../suites/differences.ts";
import { OpenedParts } from "../suites/opened-parts.ts";
import { skipWhere } from "../suites/skips.ts";
import { deleteRaw, holdUpgrade, openRaw } from "./setup/raw-database.ts";

let made = 0;
const nextName = (): string => {
  made += 1;
  return `troubles-${performance.timeOrigin}-${made}`;
};

/** A store over the database of this name, and every health that it told. */
function open(
  name: string,
  options: { readonly openTimeoutMs?: number; readonly factory?: IDBFactory } = {},
) {
  const opened = new OpenedParts();
  const backend = opened.use(indexedDb({ name, ...options }));
  const store = opened.use(createContextStore(backend));
  const healths: ContextHealth[] = [];
  store.onHealthChange((health) => healths.push(health));
  return {
    backend,
    store,
    healths,
    context: store.open({ session: "s" }),
    [Symbol.asyncDispose]: () => opened.close(),
  };
}

/** The key of the one value that a database holds. */
const VALUE_KEY = "1/value//s/context/x";

afterEach(() => {
  vi.restoreAllMocks();
});

describe("where the browser has no database for the page", () => {
  const failing = (error: DOMException): IDBFactory =>
    Object.create(indexedDB, {
      open: {
        value: () => {
          throw error;
        },
      },
    });

  test.for(["SecurityError", "InvalidStateError"])(
    "all goes on in memory, and health says so: %s",
    async (kind) => {
      await using page = open(nextName(), { factory: failing(new DOMException("No.", kind)) });
      await page.context.set("x", "1");
      expect(await page.context.get("x")).toBe("1");
      expect(await collect(page.store.sessions())).toMatchObject([{ name: "s", bytes: 2 }]);
      expect(page.store.health).toEqual({
        state: "volatile",
        reason: "unavailable",
        hint: expect.stringContaining("private window"),
      });
    },
  );

  test("health is volatile until the database is open, and durable from then on", async () => {
    await using page = open(nextName());
    expect(page.store.health).toMatchObject({ state: "volatile", reason: "opening" });
    await page.context.set("x", "1");
    expect(page.store.health).toEqual({ state: "durable" });
    expect(page.healths).toEqual([{ state: "durable" }]);
  });
});

describe("another tab that upgrades the database", () => {
  test("and does not end with it: this page goes on in memory, and leaves the database alone", async () => {
    const name = nextName();
    const other = await holdUpgrade(name, 1);
    await using page = open(name, { openTimeoutMs: 200 });
    await page.context.set("x", "1");
    expect(page.store.health).toEqual({
      state: "volatile",
      reason: "blocked",
      hint: expect.stringContaining("other tabs"),
    });
    await other.end();
    expect(await page.context.get("x")).toBe("1");
    using raw = await openRaw(name);
    expect(await raw.get(VALUE_KEY)).toBeUndefined();
    // The connection that came too late is closed: it stands in nobody's way.
    raw[Symbol.dispose]();
    await deleteRaw(name);
  });

  test("is not kept waiting: what was kept is there for it, and this page says that its calls fail", async () => {
    const name = nextName();
    await using page = open(name, { openTimeoutMs: 500 });
    await page.context.set("x", "1");
    const changes = Array.from({ length: 20 }, (_, at) =>
      page.context
        .update("count", () => String(at))
        .then(
          () => true,
          () => false,
        ),
    );
    using newer = await openRaw(name, { version: 2 });
    const kept = (await Promise.all(changes)).filter((acknowledged) => acknowledged).length;
    expect(await newer.get(VALUE_KEY)).toBe("1");
    const count = await newer.get("1/value//s/context/count");
    expect(count).toBe(kept === 0 ? undefined : String(kept - 1));
    const failure = {
      code: 500,
      kind: "storage_failed",
      retryable: true,
      hint: expect.stringContaining("anew"),
    };
    await expect(page.context.get("x")).rejects.toMatchObject(failure);
    await expect(page.context.set("x", "2")).rejects.toMatchObject(failure);
    expect(page.store.health).toMatchObject({ state: "degraded", reason: "newer_version" });
    expect(await newer.get(VALUE_KEY)).toBe("1");
  });

  test("and has done so before: the newer database stays as it is", async () => {
    const name = nextName();
    {
      using newer = await openRaw(name, { version: 2 });
      await newer.put(VALUE_KEY, { of: "a newer version" });
    }
    await using page = open(name);
    expect(await page.context.get("x")).toBeUndefined();
    await page.context.set("x", "1");
    expect(page.store.health).toMatchObject({ state: "volatile", reason: "newer_version" });
    using newer = await openRaw(name);
    expect([newer.version, await newer.get(VALUE_KEY)]).toEqual([2, { of: "a newer version" }]);
  });

  test("a database of that name that is somebody else's stays as it is", async () => {
    const name = nextName();
    (await openRaw(name, { version: 1, store: false }))[Symbol.dispose]();
    await using page = open(name);
    await page.context.set("x", "1");
    expect(page.store.health).toMatchObject({ state: "volatile", reason: "foreign_database" });
    await deleteRaw(name);
  });
});

describe("a connection that is lost", () => {
  test("deleting the database under the page is not blocked, and the next change begins anew", async () => {
    const name = nextName();
    await using page = open(name);
    await page.context.set("x", "1");
    await deleteRaw(name);
    expect(await page.context.get("x")).toBeUndefined();
    await page.context.set("y", "2");
    await using other = open(name);
    expect(await other.context.keys()).toEqual(["y"]);
    expect(await collect(other.store.sessions())).toMatchObject([{ name: "s", bytes: 2 }]);
    expect(page.store.health).toEqual({ state: "durable" });
  });

  test("is opened anew, and each change is taken once", async () => {
    const opened: IDBDatabase[] = [];
    const openDatabase = IDBFactory.prototype.open;
    vi.spyOn(IDBFactory.prototype, "open").mockImplementation(function (this: IDBFactory, ...args) {
      const request = openDatabase.apply(this, args);
      request.addEventListener("success", () => opened.push(request.result));
      return request;
    });
    await using page = open(nextName());
    await page.context.set("n", "0");
    for (let round = 0; round < 5; round += 1) {
      const changes = Array.from({ length: 10 }, () =>
        page.context.update("n", (value) => String(Number(value) + 1)),
      );
      opened.at(-1)?.close();
      await Promise.all(changes);
    }
    expect(await page.context.get("n")).toBe("50");
    expect(opened.length).toBe(6);
    expect(page.store.health).toEqual({ state: "durable" });
  });

  test("a transaction that the browser aborts is taken once more, and then the caller hears of it", async () => {
    const begin = IDBDatabase.prototype.transaction;
    let aborts = 0;
    const spy = vi.spyOn(IDBDatabase.prototype, "transaction").mockImplementation(function (
      this: IDBDatabase,
      ...args
    ) {
      const transaction = begin.apply(this, args);
      if (aborts > 0) {
        aborts -= 1;
        queueMicrotask(() => queueMicrotask(() => queueMicrotask(() => transaction.abort())));
      }
      return transaction;
    });
    await using page = open(nextName());
    await page.context.set("n", "0");
    aborts = 1;
    await page.context.update("n", (value) => String(Number(value) + 1));
    expect(await page.context.get("n")).toBe("1");
    aborts = 2;
    await expect(page.context.update("n", () => "lost")).rejects.toMatchObject({
      code: 500,
      kind: "storage_failed",
      retryable: true,
    });
    expect(page.store.health).toMatchObject({ state: "degraded", reason: "storage_failed" });
    expect(await page.context.get("n")).toBe("1");
    await page.context.set("n", "2");
    expect(page.store.health).toEqual({ state: "durable" });
    expect(spy).toHaveBeenCalled();
  });

  test("an error of the caller's own that looks like the browser's comes back as it is", async () => {
    await using page = open(nextName());
    await page.context.set("n", "1");
    const mine = new DOMException("mine", "AbortError");
    let asked = 0;
    const failing = page.context.update("n", () => {
      asked += 1;
      throw mine;
    });
    await expect(failing).rejects.toBe(mine);
    expect([asked, await page.context.get("n"), page.store.health]).toEqual([1, "1", { state: "durable" }]);
  });
});

describe("records that nobody can read", () => {
  test.for([5, {}, [], new Date(0), new Blob(["x"]), new ArrayBuffer(1), "12"])(
    "stay as they are and fail by themselves: %s",
    async (record, context) => {
      if (record instanceof Blob) skipWhere(STORED_BLOBS, context);
      const name = nextName();
      await using page = open(name);
      await page.context.set("x", "1");
      await page.context.set("y", "2");
      using raw = await openRaw(name);
      await raw.put(VALUE_KEY, record);
      await expect(page.context.get("x")).rejects.toMatchObject({ code: 500, kind: "corrupt_record" });
      expect(await raw.get(VALUE_KEY)).toEqual(record);
      expect(await collect(page.context.entries())).toEqual([["y", "2"]]);
      expect(page.store.health).toMatchObject({ state: "degraded", reason: "corrupt_record" });
      await raw.put("1/index//s", record);
      await expect(page.context.get("y")).rejects.toMatchObject({ code: 500, kind: "corrupt_record" });
      await expect(page.context.set("y", "3")).rejects.toMatchObject({ code: 500, kind: "corrupt_record" });
      expect(await raw.get("1/index//s")).toEqual(record);
      await page.store.open({ session: "another" }).set("x", "1");
      expect(await page.store.drop({ session: "s" })).toBe(true);
      expect(await raw.get(VALUE_KEY)).toBeUndefined();
    },
  );
});

describe("a full disk", () => {
  test("the value does not fit: 429, the old one stays, and health says so until there is room", async () => {
    await using page = open(nextName());
    await page.context.set("x", "1");
    // Stands for the browser's refusal, which takes gigabytes to provoke in every browser alike.
    const put = IDBObjectStore.prototype.put;
    const spy = vi.spyOn(IDBObjectStore.prototype, "put").mockImplementation(function (
      this: IDBObjectStore,
      ...args
    ) {
      if (args[1] === "1/index//s") throw new DOMException("Full.", "QuotaExceededError");
      return put.apply(this, args);
    });
    await expect(page.context.set("x", "2")).rejects.toMatchObject({
      code: 429,
      kind: "storage_full",
      hint: expect.stringContaining("no more room"),
    });
    spy.mockRestore();
    expect(await page.context.get("x")).toBe("1");
    expect(page.store.health).toMatchObject({ state: "degraded", reason: "storage_full" });
    await page.context.set("x", "3");
    expect(page.store.health).toEqual({ state: "durable" });
    expect(page.healths.map(({ state }) => state)).toEqual(["durable", "degraded", "durable"]);
  });
});

/**
 * Only Chromium lets a test say how much room an origin has, and it looks at that once in half a minute: this
 * belongs to the runs that take their time.
 */
const asksForRoom = server.browser === "chromium" && inject("contextHammerMs") >= 60_000;

describe.runIf(asksForRoom)("a full disk, by the browser's own count", () => {
  const setQuota = (quotaSize?: number): Promise<unknown> =>
    cdp().send("Storage.overrideQuotaForOrigin", {
      origin: location.origin,
      ...(quotaSize === undefined ? {} : { quotaSize }),
    });

  test("values that fit are kept, the first that does not fit says so, and nothing else is lost", async () => {
    await using page = open(nextName());
    await page.context.set("small", "1");
    const { usage = 0 } = await navigator.storage.estimate();
    await setQuota(usage + 3_000_000);
    await new Promise((resolve) => setTimeout(resolve, 31_000));
    // Chance can't be packed.
    const large = Array.from({ length: 12 }, () => {
      const bytes = new Uint8Array(1_000_000);
      for (let at = 0; at < bytes.length; at += 50_000)
        crypto.getRandomValues(bytes.subarray(at, at + 50_000));
      return bytes;
    });
    let kept = 0;
    let failure: unknown;
    for (const bytes of large) {
      failure = await page.context.set(`large-${kept}`, bytes).catch((error: unknown) => error);
      if (failure !== undefined) break;
      kept += 1;
    }
    const health = page.store.health;
    await setQuota();
    expect(failure).toMatchObject({ code: 429, kind: "storage_full" });
    expect(health).toMatchObject({ state: "degraded", reason: "storage_full" });
    expect((await page.context.keys()).length).toBe(1 + kept);
    for (let at = 0; at < kept; at += 1) expect(await page.context.get(`large-${at}`)).toEqual(large[at]);
    await page.context.set("small", "2");
    expect(page.store.health).toEqual({ state: "durable" });
  }, 120_000);
});

describe("messages between tabs", () => {
  test.for([null, 5, "x", {}, { written: [] }, { written: "a", deleted: [] }, { written: [1], deleted: [] }])(
    "anything else is not heard: %j",
    (data) => {
      expect(parseChange(data)).toBeUndefined();
    },
  );

  test("a forged one says that keys changed, and no value", async () => {
    const name = nextName();
    await using page = open(name);
    await page.context.set("x", "1");
    const heard: unknown[] = [];
    page.context.onChange((change) => heard.push(change));
    const channel = new BroadcastChannel(`mcp-optimizer:${name}`);
    channel.postMessage("garbage");
    channel.postMessage({ written: [VALUE_KEY, "1/index//s", ""], deleted: [] });
    await until(() => heard.length > 0);
    channel.close();
    expect(heard).toEqual([{ key: "x", type: "set", elsewhere: true }]);
    expect(await page.context.get("x")).toBe("1");
  });
});
