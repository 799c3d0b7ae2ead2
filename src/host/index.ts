// What the Node host offers to those who embed it, by name.

export type { AdmissionLimits } from "./admission.ts";
export { type AuditFileOptions, auditFile } from "./audit/audit-file.ts";
export { type ChooseOptions, type ChosenSandboxes, chooseSandboxes } from "./choose-sandbox.ts";
export { type RedisOptions, redis } from "./context/redis.ts";
export type { RedisAccess, RedisAddress, RedisClient, RedisPlace } from "./context/redis-client.ts";
export { createHost, type Host } from "./create-host.ts";
export type { EngineHostOptions, HostOptions, HostServerOptions } from "./host-options.ts";
export type { ErrorBody } from "./http/http-error.ts";
export type { ListenOptions } from "./http/listen.ts";
export type { RelayMode } from "./http/relay.ts";
export type { HostRunEvent } from "./run-events.ts";
export { type BasicOptions, basic } from "./sandbox/basic.ts";
export { type BubblewrapOptions, bubblewrap } from "./sandbox/bubblewrap.ts";
export { type BuildImageOptions, type BuiltImage, buildSandboxImage } from "./sandbox/build-image.ts";
export type { Command } from "./sandbox/deno.ts";
export { type DockerOptions, docker } from "./sandbox/docker.ts";
export type { DockerAddressOptions, DockerTls } from "./sandbox/docker-address.ts";
export { type FirecrackerOptions, firecracker } from "./sandbox/firecracker.ts";
export { type GvisorOptions, gvisor } from "./sandbox/gvisor.ts";
export {
  type HostSandbox,
  PLACE_LIMITS,
  type PlaceLimits,
  type SandboxProbe,
  STRENGTHS,
  type Strength,
  type Wall,
  type WallCheck,
} from "./sandbox/host-sandbox.ts";
export type { LocalRootOptions } from "./sandbox/local-root.ts";
export type { PoolOptions } from "./sandbox/process-sandbox.ts";
export { type WasmOptions, wasm } from "./sandbox/wasm.ts";
export { type DogStatsdOptions, dogstatsd } from "./telemetry/dogstatsd.ts";
export { newToken, SCOPES, type Scope, type TokenGrant, tokenDigest } from "./tokens.ts";
