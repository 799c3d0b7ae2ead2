import { messageOf } from "../base/errors.ts";
import { redactCode } from "../telemetry/redact.ts";
import { element } from "./dom.ts";
import { formatCounted } from "./format.ts";
import { hideText } from "./hide.ts";
import type { RecordedRun } from "./recorded-run.ts";
import type { AgainOptions } from "./run-recorder.ts";

export type RunAgain = (run: RecordedRun, options: Omit<AgainOptions, "onBegin">) => Promise<void>;

/** A form that repeats a run: as it was, or with other code, from the call that is chosen. */
export interface AgainView {
  readonly node: HTMLElement;
  /** `fromRecord`: what the form begins with; absent, it is left as it is for the same run. */
  show(run: RecordedRun, fromRecord?: number): void;
}

export function createAgainView(runAgain: RunAgain): AgainView {
  const code = element("textarea", {
    rows: "14",
    spellcheck: "false",
    autocomplete: "off",
    autocapitalize: "off",
    "aria-label": "Program to run",
  });
  const count = element("input", {
    type: "number",
    min: "0",
    step: "1",
    value: "0",
    "aria-label": "Calls that answer from the record",
  });
  const most = element("span", { class: "muted" });
  const status = element("p", { role: "status" });
  const submit = element("button", { type: "submit" }, "Run");
  const form = element(
    "form",
    {},
    element("div", { class: "field" }, "The first ", count, " calls answer from the record ", most),
    element(
      "p",
      { class: "muted" },
      "A recorded answer is given to a call of the same tool with the same arguments, and no server is asked. Every other call goes to its tool, after the same checks and approvals as always. What the program writes to its context is written again.",
    ),
    code,
    submit,
    status,
  );
  let run: RecordedRun | undefined;
  /** The code as it is shown: without credentials. */
  let shown = "";

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (run === undefined) return;
    const changed = code.value === shown ? {} : { code: code.value };
    const fromRecord = Math.min(Math.max(0, Math.floor(Number(count.value) || 0)), run.calls.length);
    status.textContent = "Running…";
    runAgain(run, { ...changed, fromRecord }).then(
      () => {
        status.textContent = "";
      },
      (error: unknown) => {
        status.textContent = hideText(`Not run: ${messageOf(error)}`, 1_000);
      },
    );
  });

  return {
    node: form,
    show(next, fromRecord) {
      const isOther = run?.number !== next.number;
      run = next;
      if (isOther) {
        const text = next.program?.code ?? "";
        shown = redactCode(text);
        code.value = shown;
        // A text area has its own idea of line ends.
        shown = code.value;
        status.textContent =
          shown === text.replaceAll("\r\n", "\n") || text === ""
            ? ""
            : "Credentials in the program are hidden. It runs with them as long as you change nothing; then write them again.";
      }
      if (isOther || fromRecord !== undefined) count.value = String(fromRecord ?? next.calls.length);
      count.max = String(next.calls.length);
      most.textContent = `of ${formatCounted(next.calls.length, "call")}`;
      submit.disabled = next.program === undefined;
      if (next.program === undefined)
        status.textContent =
          "There is no program to run: a tool was called without one, or it went to make room.";
    },
  };
}
