const READY_MS = 20_000;
const LOOK_AGAIN_MS = 20;

/** Waits until a server that was started answers. Rejects when it has `ended`, or takes twenty seconds. */
export async function untilAnswers(
  name: string,
  ended: Promise<string>,
  answers: () => Promise<boolean>,
): Promise<void> {
  let end: string | undefined;
  void ended.then((how) => {
    end = how;
  });
  const latest = performance.now() + READY_MS;
  while (!(await answers())) {
    if (end !== undefined) throw new Error(`${name} ended: ${end}`);
    if (performance.now() > latest) throw new Error(`${name} does not answer.`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
  }
}
