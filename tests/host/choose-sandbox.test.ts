import { describe, expect, test } from "vitest";
import { chooseSandboxes } from "../../src/host/choose-sandbox.ts";
import type { HostSandbox, Strength } from "../../src/host/sandbox/host-sandbox.ts";
import { inProcessSandbox } from "./setup/in-process-sandbox.ts";

/** A real sandbox whose probe runs, and is then said to have found nothing, as on a machine without its parts. */
function missing(name: string, strength: Strength): HostSandbox {
  return {
    ...inProcessSandbox({ name, strength }),
    probe: async () => ({
      usable: false,
      reason: `${name} is not installed.`,
      hint: `Install ${name}.`,
      walls: [],
    }),
  };
}

/** The same, and who was asked for a probe. */
function watched(sandboxes: readonly HostSandbox[]) {
  const probed: string[] = [];
  const candidates = sandboxes.map((sandbox) => ({
    ...sandbox,
    probe: () => {
      probed.push(sandbox.traits.name);
      return sandbox.probe();
    },
  }));
  return { probed, candidates };
}

const namesOf = (sandboxes: readonly HostSandbox[]): readonly string[] =>
  sandboxes.map(({ traits }) => traits.name);

describe("the choice of a sandbox", () => {
  test("falls on the strongest that can be used, and looks no further", async () => {
    const { probed, candidates } = watched([
      inProcessSandbox({ name: "weak", strength: "language" }),
      inProcessSandbox({ name: "strong", strength: "container" }),
      missing("strongest", "vm"),
    ]);
    const { sandboxes, passedOver } = await chooseSandboxes({ candidates });
    expect(namesOf(sandboxes)).toEqual(["strong"]);
    expect(passedOver).toEqual(["strongest: strongest is not installed."]);
    expect(probed).toEqual(["strongest", "strong"]);
  });

  test("takes a weaker one only for languages that the stronger ones do not run", async () => {
    const python = inProcessSandbox({ name: "both", strength: "language" });
    const { candidates } = watched([
      { ...python, traits: { ...python.traits, languages: ["javascript", "python"] } },
      inProcessSandbox({ name: "strong", strength: "kernel" }),
    ]);
    const { sandboxes } = await chooseSandboxes({ candidates });
    expect(namesOf(sandboxes)).toEqual(["strong", "both"]);
  });

  test("never falls below what the operator asks for, nor what the package does", async () => {
    const weak = inProcessSandbox({ name: "weak", strength: "language" });
    await expect(chooseSandboxes({ candidates: [weak], leastStrength: "container" })).rejects.toMatchObject({
      code: 500,
      kind: "sandbox_unavailable",
      message: expect.stringContaining("weak: its strength is language, at least container is asked for"),
    });
    const none = inProcessSandbox({ name: "bare", strength: "none" });
    await expect(chooseSandboxes({ candidates: [none] })).rejects.toMatchObject({
      kind: "sandbox_unavailable",
    });
    const { sandboxes } = await chooseSandboxes({ candidates: [none], leastStrength: "none" });
    expect(namesOf(sandboxes)).toEqual(["bare"]);
  });

  test("believes the probe, not the sandbox's word", async () => {
    const boasting = inProcessSandbox({ name: "boasting", strength: "vm" });
    const candidates = [
      { ...boasting, probe: async () => ({ usable: true, strength: "language", walls: [] }) as const },
    ];
    await expect(chooseSandboxes({ candidates, leastStrength: "kernel" })).rejects.toMatchObject({
      message: expect.stringContaining("boasting: its strength is language here"),
    });
  });

  test("says of each why it can't be used", async () => {
    const candidates = [missing("docker", "container"), missing("gvisor", "kernel")];
    await expect(chooseSandboxes({ candidates })).rejects.toMatchObject({
      code: 500,
      kind: "sandbox_unavailable",
      message: expect.stringMatching(/javascript.*gvisor is not installed.*docker is not installed/),
      hint: "Install gvisor. Install docker.",
    });
    await expect(chooseSandboxes({ candidates: [] })).rejects.toMatchObject({ kind: "sandbox_unavailable" });
  });
});
