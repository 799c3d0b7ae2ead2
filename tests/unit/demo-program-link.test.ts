import { expect, test } from "vitest";
import { makeProgramLink, readProgramLink } from "../../demo/program-link.ts";
import { gzip } from "../../src/base/gzip.ts";

const PAGE = "https://demo.example/page/?errors=http://127.0.0.1:1/mcp#host=http://127.0.0.1:2&token=secret";
const hashOf = (link: string): string => new URL(link).hash;
/** A fragment around any bytes, as only somebody else would make it. */
const fragmentOf = (bytes: Uint8Array): string =>
  `#program=typescript.${Buffer.from(bytes).toString("base64url")}`;

test.for([
  { language: "typescript", code: 'return "ü → 🎈 <b>&\\n";\n' },
  { language: "python", code: "" },
] as const)("a $language program comes back as it was", async (program) => {
  expect(await readProgramLink(hashOf(await makeProgramLink(PAGE, program)))).toEqual(program);
});

test("a link holds the page and the program, and nothing else of the address", async () => {
  const link = await makeProgramLink(PAGE, { language: "typescript", code: "return 1" });
  expect(link).toMatch(/^https:\/\/demo\.example\/page\/#program=typescript\.[\w-]+$/);
});

test("a program that is too long for a link is refused", async () => {
  const noise = Array.from({ length: 30_000 }, () => Math.random().toString(36)).join("");
  const long = (code: string) => makeProgramLink(PAGE, { language: "typescript", code });
  await expect(long(noise.slice(0, 90_000))).rejects.toThrow("too long for a link");
  await expect(long("x".repeat(100_001))).rejects.toThrow("too long for a link");
});

test.for(["", "#", "#host=http://127.0.0.1:1&token=x", "#program"])("%j names no program", async (hash) => {
  expect(await readProgramLink(hash)).toBeUndefined();
});

test.for([
  "#program=",
  "#program=ruby.H4sI",
  "#program=typescript.",
  "#program=typescript.H4sI",
  "#program=typescript.!!!!",
  "#program=typescript.<img src=x onerror=alert(1)>",
  "#program=typescript.H4sIAAAAAAAAAw",
])("%j is broken, and says so", async (hash) => {
  await expect(readProgramLink(hash)).rejects.toThrow("can't be read");
});

test("bytes that are no text are broken", async () => {
  const packed = await gzip(Uint8Array.of(0xff, 0xfe, 0xff), 1_000);
  if (packed === undefined) throw new Error("Not packed.");
  await expect(readProgramLink(fragmentOf(packed))).rejects.toThrow("can't be read");
});

test("a bomb is given up before it has grown", async () => {
  const packed = await gzip(new Uint8Array(5_000_000), 1_000_000);
  if (packed === undefined) throw new Error("Not packed.");
  await expect(readProgramLink(fragmentOf(packed))).rejects.toThrow("too long");
});
