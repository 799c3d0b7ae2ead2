// Where metrics and spans can go, by name. Each loads what it needs when an engine opens it.

export type {
  AuditEntry,
  AuditHead,
  AuditRecord,
  CallPlace,
  RunPlace,
} from "./telemetry/audit/audit-record.ts";
export type { AuditStore, AuditTrail } from "./telemetry/audit/audit-trail.ts";
export { type AuditOptions, audit } from "./telemetry/audit/backend-audit.ts";
export { type AuditProblem, type AuditReport, verifyAudit } from "./telemetry/audit/verify-audit.ts";
export type { ExporterParts, TelemetryExporter } from "./telemetry/exporter.ts";
export { type CloudWatchEmfOptions, cloudWatchEmf } from "./telemetry/exporters/cloudwatch-emf.ts";
export { type JsonLinesOptions, jsonLines } from "./telemetry/exporters/json-lines.ts";
export { type OtlpOptions, otlp } from "./telemetry/exporters/otlp.ts";
export { type PrometheusExporter, prometheus } from "./telemetry/exporters/prometheus.ts";
