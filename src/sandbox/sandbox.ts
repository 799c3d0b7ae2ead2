import type {
  GuestPort,
  Language,
  Program,
  ProgramError,
  RuntimeStopReason,
} from "../protocol/guest-protocol.ts";
import type { Limits } from "./limits.ts";

/** How well a sandbox holds one kind of limit. `hard`: the program cannot get past it. `none`: not held at all. */
export type Enforcement = "hard" | "best_effort" | "none";

/** What a sandbox runs and what it truly enforces; the shared suite holds it to this. */
export interface SandboxTraits {
  /** Stable name, such as `quickjs`. */
  readonly name: string;
  readonly languages: readonly Language[];
  readonly enforces: {
    readonly time: Enforcement;
    readonly memory: Enforcement;
    readonly network: Enforcement;
    readonly storage: Enforcement;
  };
}

/** Why a run was stopped: by the runtime, by its caller, or because it broke the rules. */
export type StopReason = RuntimeStopReason | "cancelled" | "security";

export type RunOutcome = (
  | { readonly status: "returned" /** JSON text. */; readonly json: string }
  | { readonly status: "threw"; readonly error: ProgramError }
  | { readonly status: "stopped"; readonly reason: StopReason; readonly message: string }
) & { readonly peakMemoryBytes: number };

/**
 * One place to run programs, shared by many sessions.
 *
 * Disposing twice is safe; it ends what still runs.
 */
export interface Sandbox extends AsyncDisposable {
  readonly traits: SandboxTraits;
  /** Gets ready ahead of the first run. Rejects with the layer that could not be set up. */
  prepare(): Promise<void>;
  /** Opens a place for the runs of one session. Cheap: an idle session holds no worker. */
  open(session: string, limits: Limits): SandboxSession;
}

/** The runs of one session in one sandbox. No run sees anything of another but through `context`. */
export interface SandboxSession extends AsyncDisposable {
  /**
   * Runs one program. Resolves for every outcome of it, a crash or a limit included; rejects
   * with an `OptimizerError` only when the sandbox itself cannot be set up: then nothing ran.
   */
  run(program: Program, port: GuestPort, signal: AbortSignal): Promise<RunOutcome>;
}
