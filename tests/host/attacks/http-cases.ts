// Attacks on the host's door, over sockets of their own: a page, a program of another user, whoever can
// connect. Each says what it got; where the door holds that is nothing.

import { createServer } from "node:net";
import { dribble } from "./dribble.ts";
import { type HttpCase, honest, mustRefuse, PROGRAM, request } from "./http-case.ts";

const RUN = "POST /v1/runs";

const noToken: HttpCase = {
  id: "http-no-token",
  covers: ["PUB-HTTP-01"],
  wants: "a program carried out without the token",
  attack: (target) => {
    const json = { "Content-Type": "application/json" };
    const basic = Buffer.from(`token:${target.token}`).toString("base64");
    const given: readonly (readonly [string, string, Readonly<Record<string, string>>])[] = [
      ["no token", RUN, {}],
      ["a wrong one", RUN, { Authorization: "Bearer wrong" }],
      ["an empty one", RUN, { Authorization: "Bearer " }],
      ["one letter less", RUN, { Authorization: `Bearer ${target.token.slice(0, -1)}` }],
      ["another case", RUN, { Authorization: `Bearer ${target.token.toUpperCase()}` }],
      ["two of them", RUN, { Authorization: `Bearer wrong, Bearer ${target.token}` }],
      ["Basic", RUN, { Authorization: `Basic ${basic}` }],
      ["in the query", `POST /v1/runs?token=${target.token}`, {}],
      ["in the query by its other name", `POST /v1/runs?access_token=${target.token}`, {}],
      ["in a cookie", RUN, { Cookie: `token=${target.token}` }],
      ["in the relay's header", RUN, { "X-MCP-Optimizer-Token": target.token }],
    ];
    return mustRefuse(
      target,
      given.map(([name, line, headers]) => [name, request(target, line, { ...json, ...headers }, PROGRAM)]),
      [401, 403],
    );
  },
};

const page: HttpCase = {
  id: "http-page-elsewhere",
  covers: ["PUB-HTTP-02"],
  wants: "a program carried out for a page that is not allowed, which knows the token",
  attack: (target) => {
    const origins = [
      "https://evil.example",
      "http://localhost.evil.example",
      "http://127.0.0.1.evil.example",
      `http://${target.authority}.evil.example`,
      "null",
      "",
      "file://",
      "https://app.example.com:443",
    ];
    return mustRefuse(
      target,
      [
        ...origins.flatMap((origin) =>
          ["text/plain", "application/json", "application/x-www-form-urlencoded"].map(
            (type) =>
              [
                `${origin} ${type}`,
                request(target, RUN, { ...honest(target), Origin: origin, "Content-Type": type }, PROGRAM),
              ] as const,
          ),
        ),
        ...origins.map(
          (origin) =>
            [
              `${origin} preflight`,
              request(target, "OPTIONS /v1/runs", {
                Origin: origin,
                "Access-Control-Request-Method": "POST",
              }),
            ] as const,
        ),
        ...["cross-site", "same-site"].map(
          (site) =>
            [
              `a page that does not say where it is from: ${site}`,
              request(target, RUN, { ...honest(target), "Sec-Fetch-Site": site }, PROGRAM),
            ] as const,
        ),
      ],
      [403],
    );
  },
};

const rebinding: HttpCase = {
  id: "http-rebinding",
  covers: ["PUB-HTTP-03"],
  wants: "an answer under a name of its own that points to this machine",
  attack: (target) => {
    const port = target.authority.split(":")[1] ?? "";
    const names = [
      "evil.example",
      `evil.example:${port}`,
      "127.0.0.1.evil.example",
      "127.0.0.1",
      `127.0.0.1:${port}@evil.example`,
      `0.0.0.0:${port}`,
      `127.1:${port}`,
      "",
    ];
    return mustRefuse(
      target,
      [
        ...names.flatMap((name) => [
          [`health as ${name}`, request(target, "GET /healthz", { Host: name })] as const,
          [`run as ${name}`, request(target, RUN, { ...honest(target), Host: name }, PROGRAM)] as const,
        ]),
        ["no name at all", request(target, "GET /healthz", { Host: undefined })],
        ["a second name", request(target, `GET /healthz`, { host: target.authority, HOST: "evil.example" })],
        ["another target", request(target, "GET http://evil.example/healthz")],
        [
          "another target for a run",
          request(target, "POST http://evil.example/v1/runs", honest(target), PROGRAM),
        ],
      ],
      [400, 403, 421],
    );
  },
};

/** How long a connection that never says anything whole may stay. Milliseconds. */
const SLOW_MS = 30_000;

const slow: HttpCase = {
  id: "http-slow-and-large",
  covers: ["PUB-HTTP-04"],
  wants: "to hold connections, or memory, without ever asking for anything",
  takesLong: true,
  async attack(target) {
    const got: string[] = [];
    const head = request(target, RUN, { ...honest(target), "Content-Length": "1000000" });
    const [headers, body] = await Promise.all([
      dribble(target.url, `${RUN} HTTP/1.1\r\nHost: ${target.authority}\r\nX-A: `, SLOW_MS),
      dribble(target.url, `${head}{"code":"`, SLOW_MS),
    ]);
    if (!headers) got.push("headers came for longer than 30 s");
    if (!body) got.push("a body came for longer than 30 s");

    const before = process.memoryUsage().rss;
    const declared = request(target, RUN, { ...honest(target), "Content-Length": "1073741824" }, '{"code":"');
    const large = await target.raw(declared);
    if (![400, 413].includes(large.status)) got.push(`a body of a gigabyte: status ${large.status}`);
    const endless = `${RUN} HTTP/1.1\r\nHost: ${target.authority}\r\nAuthorization: Bearer ${target.token}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n${`10000\r\n${" ".repeat(65_536)}\r\n`.repeat(64)}`;
    const chunked = await target.raw(endless);
    if (![400, 413].includes(chunked.status)) got.push(`a body without an end: status ${chunked.status}`);
    const flood = await target.raw(request(target, "GET /healthz", { "X-B": "b".repeat(200_000) }));
    if (![400, 431].includes(flood.status)) got.push(`headers of 200 kB: status ${flood.status}`);
    if (process.memoryUsage().rss - before > 100 * 1024 * 1024) got.push("memory grew by more than 100 MB");
    return got;
  },
};

const ssrf: HttpCase = {
  id: "http-other-servers",
  covers: ["PUB-HTTP-05"],
  wants: "the host to send requests where its operator did not say",
  async attack(target) {
    let connections = 0;
    const listener = createServer((socket) => {
      connections += 1;
      socket.destroy();
    });
    await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
    const address = listener.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const urls = [
      `http://127.0.0.1:${port}/`,
      `http://localhost:${port}/`,
      `http://[::ffff:127.0.0.1]:${port}/`,
      `http://2130706433:${port}/`,
      `http://0x7f000001:${port}/`,
      "http://169.254.169.254/latest/meta-data/",
      "http://10.0.0.1/",
      "file:///etc/passwd",
      `gopher://127.0.0.1:${port}/_PING`,
      "http://metadata.google.internal/",
    ];
    const got = await mustRefuse(
      target,
      urls.flatMap((url) => [
        [
          `a server at ${url}`,
          request(target, "POST /v1/servers", honest(target), JSON.stringify({ name: "s", url })),
        ] as const,
        [
          `the relay to ${url}`,
          request(target, `GET /relay/${encodeURIComponent(url)}`, { ...honest(target), "X-Url": url }),
        ] as const,
        [
          `a known relay by a query to ${url}`,
          request(target, `GET /relay/nowhere?url=${encodeURIComponent(url)}`, honest(target)),
        ] as const,
      ]),
      [400, 403],
    );
    await new Promise((resolve) => listener.close(resolve));
    return connections === 0 ? got : [...got, `${connections} connections were made`];
  },
};

const validation: HttpCase = {
  id: "http-bodies",
  covers: ["PUB-HTTP-06"],
  wants: "a body that makes no sense to be carried out, or to bring out what the host is made of",
  attack: (target) => {
    const bodies = [
      "",
      "{",
      "[]",
      "null",
      '"x"',
      '{"language":"cobol","code":"1"}',
      '{"language":"python"}',
      '{"code":"1","timeoutMs":0}',
      '{"code":"1","limits":{"timeoutMs":1e999}}',
      '{"code":"1","limits":{"timeoutMs":-1}}',
      '{"code":"1","unknownField":true}',
      '{"code":"1","__proto__":{"detach":true}}',
      '{"code":{"toString":"1"}}',
      '{"code":"1","session":"\\u0000shared"}',
      `{"code":"1","inputs":${"[".repeat(5_000)}${"]".repeat(5_000)}}`,
      `{"code":"${"x".repeat(2_000_000)}"}`,
    ];
    return mustRefuse(
      target,
      [
        ...bodies.map((body) => [body.slice(0, 40), request(target, RUN, honest(target), body)] as const),
        ["no type", request(target, RUN, { ...honest(target), "Content-Type": undefined }, PROGRAM)],
        ["another type", request(target, RUN, { ...honest(target), "Content-Type": "text/json" }, PROGRAM)],
        ["packed", request(target, RUN, { ...honest(target), "Content-Encoding": "gzip" }, PROGRAM)],
        ["no run", request(target, "GET /v1/runs/..%2f..%2fetc%2fpasswd", honest(target))],
        ["a path that is none", request(target, "GET /v1/runs/%E0%A4%A", honest(target))],
      ],
      [400, 413],
    );
  },
};

const smuggling: HttpCase = {
  id: "http-two-requests-in-one",
  covers: ["PUB-HTTP-04"],
  wants: "a second request read out of the body of the first",
  attack: (target) => {
    const second = request(target, RUN, honest(target), PROGRAM);
    const start = `${RUN} HTTP/1.1\r\nHost: ${target.authority}\r\nContent-Type: application/json\r\n`;
    return mustRefuse(
      target,
      [
        [
          "two lengths",
          `${start}Content-Length: 2\r\nContent-Length: ${second.length + 2}\r\n\r\n{}${second}`,
        ],
        [
          "length and chunks",
          `${start}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${second}`,
        ],
        ["chunks by another name", `${start}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n${second}`],
        ["a size that is none", `${start}Transfer-Encoding: chunked\r\n\r\n0x2\r\n{}\r\n0\r\n\r\n`],
        ["a header over two lines", `${start}X-A: 1\r\n Content-Length: 0\r\n\r\n${second}`],
        ["a line feed alone", `${start.replaceAll("\r\n", "\n")}Content-Length: 0\n\n${second}`],
      ],
      [400, 401, 403],
    );
  },
};

export const HTTP_CASES: readonly HttpCase[] = [noToken, page, rebinding, slow, ssrf, validation, smuggling];
