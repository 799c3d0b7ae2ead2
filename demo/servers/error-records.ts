/** One group of equal errors, as an error tracker shows it. */
export interface ErrorRecord {
  /** `ERR-00001` and up, oldest first. */
  readonly id: string;
  readonly service: Service;
  readonly severity: Severity;
  /** Stable machine name of the failure. */
  readonly code: string;
  readonly message: string;
  /** Hash of the topmost stack frames: equal fingerprints have one cause. */
  readonly fingerprint: string;
  /** The topmost frame. */
  readonly culprit: string;
  readonly route: string;
  readonly method: string;
  readonly region: string;
  readonly release: string;
  readonly environment: "production" | "staging";
  readonly occurrences: number;
  readonly usersAffected: number;
  /** ISO 8601, UTC. */
  readonly firstSeen: string;
  readonly lastSeen: string;
  readonly status: Status;
  /** Login of the person who looks after it, or `null`. */
  readonly assignee: string | null;
}

export type Service = (typeof SERVICES)[number];
export type Severity = (typeof SEVERITIES)[number];
export type Status = (typeof STATUSES)[number];

export const SERVICES = [
  "checkout",
  "payments",
  "catalog",
  "search",
  "auth",
  "notifications",
  "inventory",
  "gateway",
] as const;
export const SEVERITIES = ["fatal", "error", "warning"] as const;
export const STATUSES = ["open", "investigating", "resolved", "ignored"] as const;

/** A way in which services fail: what the records of one cause have in common. */
export interface FailureMode {
  readonly code: string;
  readonly services: readonly Service[];
  readonly severity: Severity;
  /** `{x}` places are filled in for each record. */
  readonly message: string;
  readonly culprit: string;
  readonly cause: string;
  readonly fix: string;
  readonly strategy: FixStrategy;
}

export type FixStrategy = (typeof FIX_STRATEGIES)[number];
export const FIX_STRATEGIES = [
  "retry_with_backoff",
  "rollback_release",
  "scale_out",
  "patch_input",
  "rotate_credentials",
  "mark_resolved",
] as const;

export const FAILURE_MODES: readonly FailureMode[] = [
  {
    code: "DB_POOL_EXHAUSTED",
    services: ["checkout", "payments", "inventory"],
    severity: "fatal",
    message: "Timed out after {ms} ms waiting for a connection from the pool ({n} of {n} in use)",
    culprit: "acquireConnection (src/db/pool.ts:88)",
    cause: "Long transactions hold every pooled connection during peaks.",
    fix: "Raise the pool size for the service and move the slow report query to the replica.",
    strategy: "scale_out",
  },
  {
    code: "UPSTREAM_TIMEOUT",
    services: ["gateway", "checkout", "search"],
    severity: "error",
    message: "Upstream {host} did not answer within {ms} ms",
    culprit: "forward (src/proxy/upstream.ts:142)",
    cause: "The upstream answers slowly right after a deployment, and requests are not repeated.",
    fix: "Repeat idempotent requests twice with backoff, and cap the wait at 2 s.",
    strategy: "retry_with_backoff",
  },
  {
    code: "CARD_DECLINED_UNMAPPED",
    services: ["payments"],
    severity: "error",
    message: "Unknown decline code '{token}' from acquirer",
    culprit: "mapDecline (src/acquirer/declines.ts:57)",
    cause: "The acquirer introduced decline codes that the mapping table does not know.",
    fix: "Map unknown codes to 'declined_generic' and log the code.",
    strategy: "patch_input",
  },
  {
    code: "NULL_REFERENCE",
    services: ["catalog", "search", "inventory"],
    severity: "error",
    message: "Cannot read properties of undefined (reading '{field}')",
    culprit: "toListing (src/listing/map.ts:31)",
    cause: "A release reads an optional field that older products do not have.",
    fix: "Roll the release back, then guard the optional field.",
    strategy: "rollback_release",
  },
  {
    code: "JWT_EXPIRED",
    services: ["auth", "gateway"],
    severity: "warning",
    message: "Token expired {n} s ago for audience '{host}'",
    culprit: "verify (src/token/verify.ts:64)",
    cause: "The clock of one node is behind, and the tolerance is zero.",
    fix: "Allow 60 s of clock skew and alert on node drift.",
    strategy: "patch_input",
  },
  {
    code: "SIGNING_KEY_REJECTED",
    services: ["auth", "notifications"],
    severity: "fatal",
    message: "Signature check failed: key id '{token}' is unknown",
    culprit: "resolveKey (src/keys/resolve.ts:23)",
    cause: "Signing keys were rotated, but one consumer still caches the old set.",
    fix: "Rotate the credentials of the consumer and drop its key cache.",
    strategy: "rotate_credentials",
  },
  {
    code: "SMTP_RATE_LIMITED",
    services: ["notifications"],
    severity: "warning",
    message: "451 4.7.1 Rate limit of {n} messages per minute exceeded",
    culprit: "deliver (src/mail/deliver.ts:112)",
    cause: "Digest mails leave in one burst at the full hour.",
    fix: "Spread the digests over ten minutes and retry with backoff.",
    strategy: "retry_with_backoff",
  },
  {
    code: "STOCK_NEGATIVE",
    services: ["inventory", "checkout"],
    severity: "error",
    message: "Stock of SKU {token} would become -{n}",
    culprit: "reserve (src/stock/reserve.ts:75)",
    cause: "Two reservations race, because the row is read without a lock.",
    fix: "Reserve with one conditional update instead of read and write.",
    strategy: "rollback_release",
  },
  {
    code: "INDEX_SHARD_UNAVAILABLE",
    services: ["search"],
    severity: "error",
    message: "Shard {n} of index products-{token} has no live copy",
    culprit: "query (src/index/query.ts:203)",
    cause: "The index cluster lost a node and runs without spare copies.",
    fix: "Add a node and set the number of copies to two.",
    strategy: "scale_out",
  },
  {
    code: "PAYLOAD_INVALID",
    services: ["gateway", "catalog", "checkout"],
    severity: "warning",
    message: "Request body failed validation at /{field}: expected number, received string",
    culprit: "validateBody (src/http/validate.ts:19)",
    cause: "An old mobile client sends numbers as text.",
    fix: "Coerce numeric strings for clients before 8.2.",
    strategy: "patch_input",
  },
];

const ROUTES: Readonly<Record<Service, readonly string[]>> = {
  checkout: ["/cart", "/cart/:id/lines", "/checkout", "/checkout/:id/confirm"],
  payments: ["/charges", "/charges/:id/capture", "/refunds", "/webhooks/acquirer"],
  catalog: ["/products", "/products/:id", "/categories/:slug"],
  search: ["/search", "/search/suggest", "/search/facets"],
  auth: ["/login", "/token", "/token/refresh", "/sessions/:id"],
  notifications: ["/messages", "/messages/:id/send", "/digests"],
  inventory: ["/stock/:sku", "/reservations", "/reservations/:id/release"],
  gateway: ["/v1/*", "/v2/*", "/healthz"],
};

const REGIONS = ["eu-central-1", "eu-west-1", "us-east-1", "us-west-2", "ap-southeast-1"];
const HOSTS = ["pricing.internal", "tax.internal", "profile.internal", "shipping.internal"];
const FIELDS = ["price", "quantity", "currency", "title", "dimensions"];
const PEOPLE = ["amara", "bjorn", "chen", "dolores", "emeka"];
/** The newest moment in the data. Fixed, so that every start shows the same records. */
const NOW = Date.UTC(2026, 10, 20, 12);
const DAY_MS = 86_400_000;

/** Makes the same records for the same seed: a machine, a test and a recording can be compared. */
export function createErrorRecords(count: number, seed = 20_261_120): readonly ErrorRecord[] {
  const random = mulberry32(seed);
  return Array.from({ length: count }, (_, index) => createRecord(index, random));
}

function createRecord(index: number, random: () => number): ErrorRecord {
  const mode = pick(FAILURE_MODES, random);
  const service = pick(mode.services, random);
  const variant = Math.floor(random() ** 2 * 12); // few variants are common, many are rare
  const occurrences = Math.ceil(Math.exp(random() * 9));
  const firstSeen = NOW - Math.floor(random() * 90 * DAY_MS);
  const lastSeen = firstSeen + Math.floor(random() * (NOW - firstSeen));
  const status = pick(["open", "open", "open", "investigating", "resolved", "ignored"] as const, random);
  return {
    id: `ERR-${String(index + 1).padStart(5, "0")}`,
    service,
    severity: random() < 0.85 ? mode.severity : pick(SEVERITIES, random),
    code: mode.code,
    message: fill(mode.message, random),
    fingerprint: fingerprint(`${mode.code}/${service}/${variant}`),
    culprit: mode.culprit,
    route: pick(ROUTES[service], random),
    method: pick(["GET", "GET", "POST", "PUT", "DELETE"], random),
    region: pick(REGIONS, random),
    release: `${service}@${7 + Math.floor(random() * 2)}.${Math.floor(random() * 20)}.${Math.floor(random() * 6)}`,
    environment: random() < 0.9 ? "production" : "staging",
    occurrences,
    usersAffected: Math.ceil(occurrences * (0.2 + random() * 0.7)),
    firstSeen: new Date(firstSeen).toISOString(),
    lastSeen: new Date(lastSeen).toISOString(),
    status,
    assignee: status === "open" && random() < 0.7 ? null : pick(PEOPLE, random),
  };
}

function fill(template: string, random: () => number): string {
  return template
    .replaceAll("{ms}", String(500 * (1 + Math.floor(random() * 20))))
    .replaceAll("{n}", String(1 + Math.floor(random() * 60)))
    .replaceAll("{host}", pick(HOSTS, random))
    .replaceAll("{field}", pick(FIELDS, random))
    .replaceAll(
      "{token}",
      Math.floor(random() * 0xffff)
        .toString(16)
        .padStart(4, "0"),
    );
}

function pick<T>(items: readonly T[], random: () => number): T {
  const item = items[Math.floor(random() * items.length)];
  if (item === undefined) throw new Error("There is nothing to pick from.");
  return item;
}

/** FNV-1a, 32 bits: short, stable, and good enough to group by. */
function fingerprint(text: string): string {
  let hash = 0x811c9dc5;
  for (const char of text) hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, "0");
}

/** mulberry32: a small seeded generator of numbers in [0, 1), in the public domain. */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
