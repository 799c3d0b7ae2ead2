import * as z from "zod/v4";
import { FIX_STRATEGIES, SERVICES, SEVERITIES, STATUSES } from "./error-records.ts";

// Made once: the server is assembled anew for each request, and a schema compiles at its first use.

const record = z.object({
  id: z.string(),
  service: z.enum(SERVICES),
  severity: z.enum(SEVERITIES),
  code: z.string(),
  message: z.string(),
  fingerprint: z.string().describe("Equal fingerprints have one cause"),
  culprit: z.string(),
  route: z.string(),
  method: z.string(),
  region: z.string(),
  release: z.string(),
  environment: z.enum(["production", "staging"]),
  occurrences: z.number().int(),
  usersAffected: z.number().int(),
  firstSeen: z.string().describe("ISO 8601, UTC"),
  lastSeen: z.string().describe("ISO 8601, UTC"),
  status: z.enum(STATUSES),
  assignee: z.string().nullable(),
});

/** Arguments of `list_errors`. */
export const listErrorsInput = z.object({
  service: z.enum(SERVICES).optional(),
  severity: z.enum(SEVERITIES).optional(),
  status: z.enum(STATUSES).optional(),
  code: z.string().optional().describe("Exact code, such as DB_POOL_EXHAUSTED"),
  environment: z.enum(["production", "staging"]).optional(),
  since: z.string().optional().describe("ISO 8601: seen at or after this moment"),
  query: z.string().optional().describe("Text in message, culprit or route"),
  limit: z.number().int().min(1).max(10_000).default(100),
  cursor: z.string().optional().describe("nextCursor of the page before"),
});

/** Structured answer of `list_errors`. */
export const listErrorsOutput = z.object({
  errors: z.array(record),
  total: z.number().int(),
  nextCursor: z.string().nullable(),
});

/** Arguments of `analyze_error`. */
export const analyzeErrorInput = z.object({ id: z.string().describe("Such as ERR-00042, from list_errors") });

/** Structured answer of `analyze_error`. */
export const analyzeErrorOutput = z.object({
  id: z.string(),
  probableCause: z.string(),
  confidence: z.number().min(0).max(1),
  similarIds: z.array(z.string()),
  affectedUsersTotal: z.number().int(),
  suggestedFix: z.string(),
  suggestedStrategy: z.enum(FIX_STRATEGIES),
});

/** Arguments of `fix_error`. */
export const fixErrorInput = z.object({
  id: z.string().describe("Such as ERR-00042, from list_errors"),
  strategy: z.enum(FIX_STRATEGIES).describe("suggestedStrategy of analyze_error"),
  dryRun: z.boolean().default(false),
});

/** Structured answer of `fix_error`. */
export const fixErrorOutput = z.object({
  id: z.string(),
  strategy: z.enum(FIX_STRATEGIES),
  dryRun: z.boolean(),
  changed: z.boolean(),
  previousStatus: z.enum(STATUSES),
  status: z.enum(STATUSES),
  note: z.string(),
});
