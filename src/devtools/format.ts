const NUMBER = new Intl.NumberFormat("en");

export function formatCount(count: number): string {
  return NUMBER.format(Math.round(count));
}

/** `1 run`, `2 runs`. */
export function formatCounted(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? "" : "s"}`;
}

export function formatMs(ms: number): string {
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  return ms < 10_000 ? `${formatCount(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${formatCount(bytes)} B`;
  const [size, unit] = bytes < 1024 * 1024 ? [bytes / 1024, "KiB"] : [bytes / (1024 * 1024), "MiB"];
  return `${size.toFixed(1)} ${unit}`;
}

export function formatTime(at: number): string {
  return new Date(at).toLocaleTimeString();
}
