import { existsSync } from "node:fs";
import path from "node:path";
import protobuf from "protobufjs";
import { closeServer, listen } from "../../../demo/servers/loopback.ts";
import { unpackDebian } from "../../drivers/debian-archive.ts";

const CACHE = path.resolve(import.meta.dirname, "../../../.cache/telemetry");

/** What takes OTLP and is not ours: a server for metrics, and the protocol's own definition for spans. */
export interface OtlpParts {
  readonly victoriaMetrics: string;
  /** Folder of the `.proto` files. */
  readonly protocol: string;
}

/** Finds them, or fetches Debian's into our cache, installing nothing; else tells why it can't. */
export async function findOtlpParts(): Promise<OtlpParts | string> {
  const victoriaMetrics = path.join(CACHE, "root/usr/bin/victoria-metrics");
  const protocol = path.join(CACHE, "root/usr/include");
  if (!existsSync(victoriaMetrics)) {
    if (!existsSync("/etc/debian_version")) return "VictoriaMetrics is taken from Debian, and this is none.";
    try {
      // The one of Debian 12 takes no OTLP.
      await unpackDebian(CACHE, ["victoria-metrics", "opentelemetry-proto"], "trixie");
    } catch {
      return "Debian's packages can't be fetched.";
    }
  }
  return { victoriaMetrics, protocol };
}

/** One span as the protocol has it. */
export interface ReceivedSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly attributes: Readonly<Record<string, unknown>>;
}

/** Takes spans by OTLP over HTTP and reads them by the protocol's own definition. */
export interface SpanReceiver extends AsyncDisposable {
  readonly url: string;
  readonly spans: readonly ReceivedSpan[];
  /** Values of the header `authorization` of what came. */
  readonly credentials: ReadonlySet<string | undefined>;
}

export async function startSpanReceiver(protocol: string): Promise<SpanReceiver> {
  const root = new protobuf.Root();
  root.resolvePath = (_, target) => path.join(protocol, target);
  await root.load("opentelemetry/proto/collector/trace/v1/trace_service.proto");
  const message = root.lookupType("opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest");
  const spans: ReceivedSpan[] = [];
  const credentials = new Set<string | undefined>();
  const { server, port } = await listen(
    (request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        credentials.add(request.headers.authorization);
        if (request.url === "/v1/traces")
          spans.push(...spansOf(message.toObject(message.decode(Buffer.concat(chunks)), { longs: String })));
        response.writeHead(200, { "content-type": "application/x-protobuf" }).end();
      });
    },
    { port: 0, host: "127.0.0.1", name: "The receiver of spans" },
  );
  return {
    url: `http://127.0.0.1:${port}`,
    spans,
    credentials,
    [Symbol.asyncDispose]: () => closeServer(server),
  };
}

interface Decoded {
  readonly resourceSpans?: readonly {
    readonly scopeSpans: readonly {
      readonly spans: readonly {
        readonly name: string;
        readonly traceId: Buffer;
        readonly spanId: Buffer;
        readonly parentSpanId?: Buffer;
        readonly attributes?: readonly { readonly key: string; readonly value: object }[];
      }[];
    }[];
  }[];
}

function spansOf({ resourceSpans = [] }: Decoded): readonly ReceivedSpan[] {
  return resourceSpans
    .flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans))
    .map(({ name, traceId, spanId, parentSpanId, attributes = [] }) => ({
      name,
      traceId: traceId.toString("hex"),
      spanId: spanId.toString("hex"),
      parentSpanId: parentSpanId?.toString("hex") ?? "",
      attributes: Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]])),
    }));
}
