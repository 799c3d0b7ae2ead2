import { hostileSource, openHostileTarget } from "../setup/hostile-worker.ts";
import type { PlantedSecrets } from "../setup/planted-secrets.ts";
import { type Executor, toEnded } from "./executor.ts";

/**
 * The engine with a worker that was taken over. A program of the attacker is what that worker does; one
 * of anybody else runs in QuickJS beside it. The session `victim` keeps the secret in its context.
 */
export async function openProtocolTarget(planted: PlantedSecrets): Promise<Executor> {
  const target = await openHostileTarget();
  await target.optimizer.run(
    { language: "typescript", code: "await context.set('private', inputs)", inputs: planted.secret },
    { session: "victim" },
  );
  return {
    language: "javascript",
    calls: target.calls,
    prepare: async () => {},
    async run(code, { limits, session }) {
      const isAttack = session === "attacker";
      if (isAttack) target.attack(hostileSource(code));
      let settled = 0;
      const started = performance.now();
      const result = await target.optimizer.run(
        { language: isAttack ? "javascript" : "typescript", code },
        {
          limits,
          session,
          maxTokens: 1_000_000,
          onEvent: ({ type }) => {
            if (type === "finished") settled += 1;
          },
        },
      );
      const ms = performance.now() - started;
      // A second end would come in the next turns of the event loop.
      await new Promise((resolve) => setTimeout(resolve, 20));
      return { ...toEnded(result, ms), settled };
    },
    [Symbol.asyncDispose]: () => target[Symbol.asyncDispose](),
  };
}
