import { describe, expect, test } from "vitest";
import { createContextStore } from "../../src/context/context-store.ts";
import { memory } from "../../src/context/memory.ts";
import { SHARED_SESSION } from "../../src/sessions/session-names.ts";
import { createSessionKeeper } from "../../src/sessions/sessions.ts";
import { VERSION } from "../../src/version.ts";

function open(backend = memory()) {
  let time = 1_000_000;
  const now = (): number => time;
  const store = createContextStore(backend, { now });
  const { sessions } = createSessionKeeper({ store, tenant: undefined, now, logDelayMs: 0 });
  const pass = (ms: number): void => {
    time += ms;
  };
  const contentOf = async (session: string) => (await store.content({ session })).toSorted(byPlace);
  return { store, sessions, now, pass, contentOf };
}

const byPlace = (one: { area: string; key: string }, other: { area: string; key: string }): number =>
  `${one.area} ${one.key}` < `${other.area} ${other.key}` ? -1 : 1;

/** A created session with a bit of everything. */
async function filled() {
  const from = open();
  const { id } = await from.sessions.create({ ttlMs: 1_000, metadata: { user: "ann" } });
  const area = (name?: string) =>
    from.store.open({ session: id, ...(name === undefined ? {} : { area: name }) });
  await area().set("text", '{"a":"\\u0000\\ud800é😀"}');
  await area().set("bytes", Uint8Array.of(0, 255, 128));
  await area().set("short", "1", { ttlMs: 500 });
  await area("policy").set("taint", '["box.read"]');
  await area("suspended").set(`${id}~token`, "{}");
  await area("globals").set("quickjs", "{}");
  await from.store.open({ session: SHARED_SESSION, area: "policy" }).set("pin box.erase", "{}");
  return { ...from, id };
}

const EXISTS = { code: 400, kind: "session_exists" };

describe("a session as a file", () => {
  test("is one JSON document, with all of it and nothing of the tenant's", async () => {
    const { sessions, id, now } = await filled();
    const file = await sessions.export(id);
    expect(file.type).toBe("application/json");
    const text = await file.text();
    expect(JSON.parse(text)).toMatchObject({
      type: "mcp-optimizer-session",
      format: 1,
      engine: VERSION,
      session: id,
      exportedAt: now(),
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect(text).not.toContain("pin box.erase");
    await expect(sessions.export("nobody")).rejects.toMatchObject({ code: 400, kind: "unknown_session" });
  });

  test("goes on elsewhere under its own name, with its time begun anew", async () => {
    const { sessions, id, contentOf } = await filled();
    const file = await sessions.export(id);
    const there = open();
    there.pass(400);
    expect(await there.sessions.import(file)).toEqual({ session: id, dropped: [] });
    expect(await there.contentOf(id)).toEqual(await contentOf(id));
    expect(await there.sessions.get(id)).toEqual({
      id,
      createdAt: 1_000_000,
      ttlMs: 1_000,
      expiresAt: there.now() + 1_000,
      keepGlobals: false,
      metadata: { user: "ann" },
    });
    // What expired on the way is not brought back.
    const late = open();
    late.pass(500);
    await late.sessions.import(file);
    expect((await late.contentOf(id)).map(({ key }) => key)).not.toContain("short");
  });

  test("overwrites nothing", async () => {
    const { sessions, id, contentOf } = await filled();
    const file = await sessions.export(id);
    const before = await contentOf(id);
    await expect(sessions.import(file)).rejects.toMatchObject(EXISTS);
    const there = open();
    await there.store.open({ session: "mine", area: "policy" }).set("taint", "[]");
    await expect(there.sessions.import(file, { as: "mine" })).rejects.toMatchObject(EXISTS);
    const other = await there.sessions.create();
    await there.store.open({ session: other.id }).set("x", "1");
    await expect(there.sessions.import(file, { as: other.id })).rejects.toMatchObject(EXISTS);
    expect(await contentOf(id)).toEqual(before);
    expect(await there.contentOf("mine")).toHaveLength(1);
    await sessions.close(id);
    expect(await sessions.import(file)).toEqual({ session: id, dropped: [] });
  });

  test("under another name leaves out what is bound to the old one, and says so", async () => {
    const { sessions, id } = await filled();
    const file = await sessions.export(id);
    const there = open();
    expect(await there.sessions.import(file, { as: "copy" })).toEqual({
      session: "copy",
      dropped: ["suspended", "globals"],
    });
    expect((await there.contentOf("copy")).map(({ area, key }) => `${area} ${key}`)).toEqual([
      "context bytes",
      "context short",
      "context text",
      "policy taint",
    ]);
    // A created session keeps its own record, and its own time.
    const made = await there.sessions.create({ ttlMs: 77, metadata: { user: "bob" } });
    await there.sessions.import(file, { as: made.id });
    expect(await there.sessions.get(made.id)).toEqual(made);
    expect(await there.store.open({ session: made.id }).get("bytes")).toEqual(Uint8Array.of(0, 255, 128));
    const gone = "ses_00000000-0000-4000-8000-000000000000";
    await expect(there.sessions.import(file, { as: gone })).rejects.toMatchObject({
      code: 400,
      kind: "unknown_session",
    });
  });

  test("of a plain name is a plain name again", async () => {
    const { store, sessions } = open();
    await store.open({ session: "default" }).set("x", "1");
    const there = open();
    expect(await there.sessions.import(await sessions.export("default"))).toMatchObject({
      session: "default",
    });
    expect(await there.store.open({ session: "default" }).get("x")).toBe("1");
    expect(await there.sessions.list()).toEqual([]);
  });

  test("is held to the size of a session, and then nothing is written", async () => {
    const { sessions, id } = await filled();
    const file = await sessions.export(id);
    const small = open(memory({ maxSessionBytes: 150 }));
    await expect(small.sessions.import(file)).rejects.toMatchObject({ code: 429, kind: "context_full" });
    const smaller = open(memory({ maxSessionBytes: 20 }));
    await expect(smaller.sessions.import(file)).rejects.toMatchObject({ code: 429, kind: "file_too_large" });
    expect(await small.contentOf(id)).toEqual([]);
  });
});

describe("a file that somebody changed", () => {
  const changed = async (change: (fields: Record<string, unknown>) => unknown): Promise<Blob> => {
    const { sessions, id } = await filled();
    const fields: Record<string, unknown> = JSON.parse(await (await sessions.export(id)).text());
    const text = change(fields);
    return new Blob([typeof text === "string" ? text : JSON.stringify(text)]);
  };

  /** With a digest that fits. */
  const forged = async (entries: unknown, session = "plain"): Promise<Blob> => {
    const facts = [1, VERSION, session, 5];
    const bytes = new TextEncoder().encode(JSON.stringify([...facts, entries]));
    const digest = Buffer.from(await crypto.subtle.digest("SHA-256", bytes)).toString("hex");
    const [, engine, , exportedAt] = facts;
    return new Blob([
      JSON.stringify({
        type: "mcp-optimizer-session",
        format: 1,
        engine,
        session,
        exportedAt,
        sha256: digest,
        entries,
      }),
    ]);
  };

  test.for<readonly [what: string, change: (fields: Record<string, unknown>) => unknown, error: object]>([
    ["no JSON", () => "{", { code: 400, kind: "invalid_file" }],
    ["something else", () => ({ type: "other" }), { code: 400, kind: "invalid_file" }],
    ["another format", (file) => ({ ...file, format: 2 }), { code: 400, kind: "newer_file" }],
    ["no entries", (file) => ({ ...file, entries: {} }), { code: 400, kind: "invalid_file" }],
    [
      "an entry of another form",
      (file) => ({ ...file, entries: [[1]] }),
      { code: 400, kind: "invalid_file" },
    ],
    ["fewer entries", (file) => ({ ...file, entries: [] }), { code: 403, kind: "integrity" }],
    ["another session", (file) => ({ ...file, session: "default" }), { code: 403, kind: "integrity" }],
    ["no digest", (file) => ({ ...file, sha256: undefined }), { code: 403, kind: "integrity" }],
  ])("is refused: %s", async ([, change, error]) => {
    const { sessions, store } = open();
    await expect(sessions.import(await changed(change))).rejects.toMatchObject(error);
    for await (const session of store.sessions()) expect.fail(session.name);
  });

  test.for<readonly [what: string, entries: unknown, session: string | undefined, error: object]>([
    ["bytes that are none", [["context", "x", "base64", "*", null]], undefined, { kind: "invalid_file" }],
    ["a key that is none", [["context", "", "text", "1", null]], undefined, { kind: "invalid_arguments" }],
    [
      "an area that is none",
      [["x".repeat(201), "x", "text", "1", null]],
      undefined,
      { kind: "invalid_arguments" },
    ],
    [
      "approvals of the tenant",
      [["policy", "pin x", "text", "{}", null]],
      SHARED_SESSION,
      { kind: "invalid_request" },
    ],
    [
      "a created session without a record",
      [["context", "x", "text", "1", null]],
      "ses_00000000-0000-4000-8000-000000000000",
      { kind: "invalid_file" },
    ],
  ])("is refused though its digest fits: %s", async ([, entries, session, error]) => {
    const { sessions, store } = open();
    await expect(sessions.import(await forged(entries, session))).rejects.toMatchObject({
      code: 400,
      ...error,
    });
    for await (const one of store.sessions()) expect.fail(one.name);
  });

  test("control: with a digest that fits and sound entries it is imported", async () => {
    const { sessions, store } = open();
    await sessions.import(await forged([["context", "x", "text", "1", null]]));
    expect(await store.open({ session: "plain" }).get("x")).toBe("1");
  });
});
