import type { VmHost } from "./quickjs-vm.ts";

/** The prelude's functions that a runtime calls. */
export interface Prelude {
  /** Hands in the caller's data and the run's settings, both JSON text. */
  begin(inputs: string, settings: string): void;
  watch(promise: Promise<unknown>): void;
  deliver(id: number, ok: boolean, payload: string, hasBytes: boolean): void;
  fire(timer: number): void;
}

/** Puts what a program finds into the global scope. */
export function install(host: Omit<VmHost, "fail">): Prelude;
