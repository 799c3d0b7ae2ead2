const count = new Intl.NumberFormat("en");
const fraction = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });

/** `12,345`. */
export function formatCount(value: number): string {
  return count.format(value);
}

/** `1 call`, `12 calls`. */
export function formatCounted(value: number, one: string, many = `${one}s`): string {
  return `${formatCount(value)} ${value === 1 ? one : many}`;
}

/** `0.4 ms`, `87 ms`, `1.2 s`. */
export function formatMs(ms: number): string {
  if (ms >= 1_000) return `${fraction.format(ms / 1_000)} s`;
  return ms < 10 ? `${fraction.format(ms)} ms` : `${Math.round(ms)} ms`;
}

/** `312 B`, `4.2 kB`, `4.5 MB`, in powers of ten. */
export function formatBytes(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`;
  if (bytes < 1_000_000) return `${fraction.format(bytes / 1_000)} kB`;
  return `${fraction.format(bytes / 1_000_000)} MB`;
}
