import { expect, test } from "vitest";
import { addServer, keepOwnServers, parseServerUrl, readOwnServers } from "../../demo/own-servers.ts";

const OTHERS = { errors: "http://127.0.0.1:4171/mcp" };

test.for([
  [" https://example.com/mcp#part ", "https://example.com/mcp"],
  ["http://localhost:3000/mcp", "http://localhost:3000/mcp"],
  ["http://127.0.0.1:4171/mcp?key=1", "http://127.0.0.1:4171/mcp?key=1"],
] as const)("%j is an address", ([text, url]) => {
  expect(parseServerUrl(text).href).toBe(url);
});

test.for([
  ["", "Write an address"],
  ["example.com/mcp", "no address"],
  ["http://example.com/mcp", "Only https:"],
  ["http://127.0.0.1.example.com/mcp", "Only https:"],
  ["http://[::1]:80/mcp", "Only https:"],
  ["javascript:alert(1)", "Only https:"],
  ["file:///etc/passwd", "Only https:"],
  ["https://ada:secret@example.com/mcp", "Leave the user name"],
] as const)("%j is refused", ([text, why]) => {
  expect(() => parseServerUrl(text)).toThrow(why);
});

test("servers are named after their address, each by a name of its own", () => {
  const first = addServer({}, OTHERS, new URL("https://mcp.example.com/mcp"));
  const second = addServer(first.own, OTHERS, new URL("https://mcp.example.com/other"));
  const third = addServer(second.own, OTHERS, new URL("http://127.0.0.1:9000/mcp"));
  expect(third.own).toEqual({
    mcp_example_com: "https://mcp.example.com/mcp",
    mcp_example_com_2: "https://mcp.example.com/other",
    local_9000: "http://127.0.0.1:9000/mcp",
  });
  expect(addServer({}, {}, new URL("https://page/mcp")).name).toBe("page_2");
  expect(() => addServer({}, OTHERS, new URL(OTHERS.errors))).toThrow("here already, as errors");
});

test("what a tab keeps is read as if it were typed", () => {
  const kept = new Map<string, string>();
  const storage = {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
  };
  expect(readOwnServers(storage)).toEqual({});
  keepOwnServers(storage, { mine: "https://example.com/mcp" });
  expect(readOwnServers(storage)).toEqual({ mine: "https://example.com/mcp" });
  keepOwnServers(storage, { mine: "http://example.com/mcp" });
  expect(readOwnServers(storage)).toEqual({});
});
