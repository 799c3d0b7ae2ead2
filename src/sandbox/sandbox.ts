import type { FrozenRun } from "../protocol/frozen-run.ts";
import type {
  GuestPort,
  Language,
  NumberedReply,
  Program,
  ProgramError,
  RuntimeStopReason,
} from "../protocol/guest-protocol.ts";
import type { KeptGlobals } from "../protocol/kept-globals.ts";
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
  /** Whether a program in JavaScript that waits for calls can be frozen, stored, and go on somewhere else. Python never is. */
  readonly freezes: boolean;
  /** Whether a program can leave its globals to the next one of its session. */
  readonly keepsGlobals: boolean;
}

/** Why a run was stopped: by the runtime, by its caller, or because it broke the rules. */
export type StopReason = RuntimeStopReason | "cancelled" | "security";

/** How one run ended. */
export type RunOutcome = (
  | { readonly status: "returned" /** JSON text. */; readonly json: string }
  | { readonly status: "threw"; readonly error: ProgramError }
  | { readonly status: "stopped"; readonly reason: StopReason; readonly message: string }
  /** The port holds the calls of these numbers and nothing else can go on. The worker is free. */
  | { readonly status: "suspended"; readonly frozen: FrozenRun; readonly held: readonly number[] }
) & {
  readonly peakMemoryBytes: number;
  /** What the program left, where its globals are kept and it ended by itself. */
  readonly globals?: KeptGlobals;
};

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

/** What a run may have beside its program. */
export interface SandboxRunOptions {
  /**
   * Hears of the program, as it could go on later, each time that it has waited for tools for some fifty
   * milliseconds. Never called where the sandbox does not freeze.
   */
  readonly onCheckpoint?: (frozen: FrozenRun) => void;
  /**
   * The program's globals are kept: it begins with those that the one before left, and its outcome has those
   * that it leaves. What can't be used, or kept, is told by a warning in the logs. Only where the sandbox keeps globals.
   */
  readonly globals?: { readonly before?: KeptGlobals };
  /** Hears each time that the program can only go on when a call is answered. Only of sandboxes in processes. */
  readonly onIdle?: () => void;
}

/** What becomes of the calls that were open in a frozen run. */
export interface ResumeOptions extends SandboxRunOptions {
  /** Answers that are known by now. */
  readonly replies?: readonly NumberedReply[];
  /** Numbers of the calls that are put to the port again, such as those that were approved. */
  readonly again?: readonly number[];
}

/** The runs of one session in one sandbox. No run sees anything of another but through `context`. */
export interface SandboxSession extends AsyncDisposable {
  /**
   * Runs one program. Resolves for every outcome of it, a crash or a limit included; rejects
   * with an `OptimizerError` only when the sandbox itself cannot be set up: then nothing ran.
   */
  run(
    program: Program,
    port: GuestPort,
    signal: AbortSignal,
    options?: SandboxRunOptions,
  ): Promise<RunOutcome>;
  /**
   * Goes on with a frozen run as `run` does, in a fresh worker, with what is left of the limits. Only where
   * the sandbox freezes. What is given neither a reply nor another try: a held call stays held, and of any
   * other the program is told that its outcome is unknown. One frozen run can be resumed twice: who must
   * not, sees to it.
   *
   * Rejects with 400 `snapshot_outdated` for a run that another version froze, 403 `integrity` for one of
   * another session or one that was changed, 400 `invalid_resume` for options that don't fit its calls.
   */
  resume?(
    frozen: FrozenRun,
    port: GuestPort,
    signal: AbortSignal,
    options?: ResumeOptions,
  ): Promise<RunOutcome>;
}
