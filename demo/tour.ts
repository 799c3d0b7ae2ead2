import type { MiniManifest, RunResult } from "../src/index.ts";
import { isDisabled, requireElement, setDisabled } from "./element.ts";
import { TOUR_STEPS, type TourStep } from "./tour-steps.ts";

/** What the tour needs of the page. */
export interface TourDeps {
  readonly manifest: () => MiniManifest | undefined;
  /** Chooses a ready program and runs it until it ends or waits. */
  readonly run: (program: string) => Promise<RunResult | undefined>;
  readonly cancel: () => void;
}

/** The guided tour: real runs, one after the other, without a model. */
export interface Tour {
  start(): void;
  /** A run has ended while the tour is open: a person may have decided. */
  show(result: RunResult): void;
}

/** Wires the tour of index.html. `opener` has the focus before and after it. */
export function createTour({ manifest, run, cancel }: TourDeps, opener: HTMLElement): Tour {
  const box = requireElement("tour", HTMLElement);
  const count = requireElement("tour-count", HTMLElement);
  const title = requireElement("tour-title", HTMLElement);
  const text = requireElement("tour-text", HTMLElement);
  const back = requireElement("tour-back", HTMLButtonElement);
  const next = requireElement("tour-next", HTMLButtonElement);
  const skip = requireElement("tour-skip", HTMLButtonElement);
  const stillness = matchMedia("(prefers-reduced-motion: reduce)");
  let at = 0;
  /** Of the step that is being shown: a later step, or the end, takes its word away. */
  let turn: object | undefined;
  let running = false;

  const stepAt = (index: number): TourStep => {
    const step = TOUR_STEPS[index];
    if (step === undefined) throw new Error(`The tour has no step ${index}.`);
    return step;
  };
  const mark = (place: string | undefined): void => {
    for (const marked of document.querySelectorAll(".toured")) marked.classList.remove("toured");
    if (place === undefined) return;
    const node = requireElement(place, HTMLElement);
    node.classList.add("toured");
    node.scrollIntoView({ block: "nearest", behavior: stillness.matches ? "auto" : "smooth" });
  };
  const enter = async (index: number): Promise<void> => {
    at = index;
    const mine = {};
    turn = mine;
    const { title: name, place, program, tell } = stepAt(index);
    count.textContent = `Step ${index + 1} of ${TOUR_STEPS.length}`;
    title.textContent = name;
    setDisabled(back, index === 0);
    next.textContent = index === TOUR_STEPS.length - 1 ? "Finish" : "Next";
    mark(place);
    if (program === undefined) {
      text.textContent = tell({ manifest: manifest() });
      return;
    }
    text.textContent = "The program runs…";
    running = true;
    setDisabled(next, true);
    const result = await run(program);
    running = false;
    if (turn !== mine) return;
    setDisabled(next, false);
    text.textContent = tell({ manifest: manifest(), ...(result === undefined ? {} : { result }) });
    mark(place);
  };
  const end = (): void => {
    if (turn === undefined) return;
    turn = undefined;
    if (running) cancel();
    mark(undefined);
    box.hidden = true;
    opener.focus();
  };
  /** Steps that run something run it anew: what is shown below is theirs. */
  const go = (index: number): void => void enter(index);
  back.addEventListener("click", () => {
    if (isDisabled(back)) return;
    if (running) cancel();
    go(at - 1);
  });
  next.addEventListener("click", () => {
    if (isDisabled(next)) return;
    if (at === TOUR_STEPS.length - 1) end();
    else go(at + 1);
  });
  skip.addEventListener("click", end);
  document.addEventListener("keydown", (event) => {
    // The editor has its own use for Escape.
    if (event.key === "Escape" && !event.defaultPrevented) end();
  });

  return {
    start() {
      box.hidden = false;
      setDisabled(next, false);
      go(0);
      title.focus();
    },
    show(result) {
      if (turn === undefined || running) return;
      const { program, tell } = stepAt(at);
      if (program !== undefined) text.textContent = tell({ manifest: manifest(), result });
    },
  };
}
