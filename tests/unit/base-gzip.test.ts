import { expect, test } from "vitest";
import { gunzip, gzip } from "../../src/base/gzip.ts";

const bytes = Uint8Array.from({ length: 100_000 }, (_, n) => n % 7);

test("gives back what it compressed", async () => {
  const packed = await gzip(bytes, 10_000);
  expect(packed?.length).toBeLessThan(10_000);
  expect(packed && (await gunzip(packed, bytes.length))).toEqual(bytes);
});

test("gives up at its bound, both ways", async () => {
  expect(await gzip(bytes, 10)).toBeUndefined();
  const packed = await gzip(new Uint8Array(50_000_000), 1_000_000);
  expect(packed && (await gunzip(packed, 1_000_000))).toBeUndefined();
});

test("rejects what is no gzip, or half of one", async () => {
  await expect(gunzip(Uint8Array.of(1, 2, 3), 100)).rejects.toThrow();
  const packed = await gzip(bytes, 10_000);
  await expect(gunzip(packed?.slice(0, 100) ?? new Uint8Array(), 1_000_000)).rejects.toThrow();
});
