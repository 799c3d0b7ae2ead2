import { Duplex } from "node:stream";
import { describe, expect, test } from "vitest";
import { readStdout } from "../../src/host/sandbox/docker-stream.ts";

function frame(kind: number, text: string): Buffer {
  const payload = Buffer.from(text);
  const header = Buffer.alloc(8);
  header[0] = kind;
  header.writeUInt32BE(payload.length, 4);
  return Buffer.concat([header, payload]);
}

async function read(pieces: readonly Uint8Array[]): Promise<string> {
  let text = "";
  for await (const piece of readStdout(Duplex.from(pieces))) text += piece;
  return text;
}

describe("the attach stream of a container", () => {
  const bytes = Buffer.concat([frame(1, "on€ "), frame(2, "error"), frame(1, ""), frame(1, "two\n")]);

  test("gives standard output, without the other stream", async () => {
    expect(await read([bytes])).toBe("on€ two\n");
  });

  test("may be cut anywhere, inside a header or a character", async () => {
    for (let at = 1; at < bytes.length; at += 1) {
      expect(await read([bytes.subarray(0, at), bytes.subarray(at)])).toBe("on€ two\n");
    }
    expect(await read([...bytes].map((byte) => Uint8Array.of(byte)))).toBe("on€ two\n");
  });

  test("a frame that claims more than comes holds nothing back", async () => {
    const header = frame(1, "").fill(255, 4);
    expect(await read([header, Buffer.from("as it comes")])).toBe("as it comes");
  });
});
