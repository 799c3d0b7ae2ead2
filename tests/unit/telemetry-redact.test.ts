import { expect, test } from "vitest";
import { redact } from "../../src/telemetry/redact.ts";

test.for([
  ['{"api_key":"abc","rows":[1]}', '{"api_key":"[redacted]","rows":[1]}'],
  ['{"a":{"Authorization":{"x":1}},"token":null}', '{"a":{"Authorization":"[redacted]"},"token":null}'],
  ['{"note":"use Bearer abcdefgh1234 now"}', '{"note":"use [redacted] now"}'],
  ['{"url":"https://ann:hunter2@example.com/x"}', '{"url":"https://ann:[redacted]@example.com/x"}'],
  ['{"text":"password=hunter22&x=1"}', '{"text":"password=[redacted]&x=1"}'],
  ['["ghp_abcdefghij0123456789","sk-proj-abcdefghijklmnop1234"]', '["[redacted]","[redacted]"]'],
  ['["eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln"]', '["[redacted]"]'],
  ["-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY----- rest", "[redacted] rest"],
  ['{"rows":[{"id":1,"ok":true}]}', '{"rows":[{"id":1,"ok":true}]}'],
] as const)("%s leaves as %s", ([given, expected]) => {
  expect(redact(given)).toBe(expected);
});

test("a long text is cut, and one that is too long is only measured", () => {
  expect(redact(JSON.stringify("x".repeat(9_000)))).toHaveLength(8_193);
  expect(redact("x".repeat(300_000))).toBe("[300000 characters]");
});

test("takes no time that grows faster than the text", () => {
  const length = 250_000;
  for (const piece of [
    "eyJ",
    "-eyJ",
    "sk-",
    "-sk_",
    "ghp_",
    "Bearer ",
    " ",
    "://a:",
    "password=",
    "a@",
    "-----BEGIN PRIVATE KEY-----",
  ]) {
    const started = performance.now();
    redact(piece.repeat(Math.floor(length / piece.length)));
    expect(performance.now() - started, piece).toBeLessThan(2_000);
  }
});
