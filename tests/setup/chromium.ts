import { findInstalledBrowser } from "./browser.mjs";

/** How every test of ours starts a browser. */
export interface ChromiumOptions {
  /** Absent: Playwright's own download. */
  readonly executablePath?: string;
  readonly args: string[];
}

/**
 * What no test needs of a browser. A list of ours takes the place of Playwright's, so its names stand here too.
 * The popups of the address bar, which no page sees, took a second of a processor at the start of each context.
 */
const DISABLED_FEATURES = [
  "WebUIOmniboxAimPopup",
  "WebUIOmniboxPopup",
  "AimEnabled",
  "AvoidCorsURLLoaderRestartOnRedirect",
  "AvoidUnnecessaryBeforeUnloadCheckSync",
  "DestroyProfileOnBrowserClose",
  "HttpsFirstBalancedModeAutoEnable",
  "HttpsUpgrades",
  "LensOverlay",
  "MediaRouter",
  "NetworkTimeServiceQuerying",
  "OptimizationHints",
  "PaintHolding",
  "PreconnectToSearch",
  "ThirdPartyStoragePartitioning",
];

/** Chromium as `npm test` found it, else an installed one; without its own sandbox as root in a container. */
export function chromiumOptions(): ChromiumOptions {
  const executablePath = findInstalledBrowser();
  return {
    ...(executablePath === undefined ? {} : { executablePath }),
    args: [
      "--disable-gpu",
      "--disable-quic",
      `--disable-features=${DISABLED_FEATURES.join(",")}`,
      ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []),
    ],
  };
}
