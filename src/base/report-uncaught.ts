/** Reports an error that has no caller to go to: as uncaught in a page or worker, on the console in Node. */
export function reportUncaught(error: unknown): void {
  if (typeof globalThis.reportError === "function") globalThis.reportError(error);
  else console.error(error);
}
