import { findInstalledBrowser } from "./browser.mjs";

/** How every test of ours starts a browser. */
export interface ChromiumOptions {
  /** Absent: Playwright's own download. */
  readonly executablePath?: string;
  readonly args: string[];
}

/** Chromium as `npm test` found it, else an installed one; without its own sandbox as root in a container. */
export function chromiumOptions(): ChromiumOptions {
  const executablePath = findInstalledBrowser();
  return {
    ...(executablePath === undefined ? {} : { executablePath }),
    args: ["--disable-gpu", "--disable-quic", ...(process.getuid?.() === 0 ? ["--no-sandbox"] : [])],
  };
}
