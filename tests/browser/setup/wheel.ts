/** A wheel that holds one module: a zip archive without compression, made here. */
export async function makeWheel(
  name: string,
  source: string,
): Promise<{ readonly file: string; readonly bytes: Uint8Array<ArrayBuffer>; readonly sha256: string }> {
  const info = `${name}-1.0.dist-info`;
  const bytes = zip({
    [`${name}.py`]: source,
    [`${info}/METADATA`]: `Metadata-Version: 2.1\nName: ${name}\nVersion: 1.0\n`,
    [`${info}/WHEEL`]: "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    [`${info}/RECORD`]: `${name}.py,,\n${info}/METADATA,,\n${info}/WHEEL,,\n${info}/RECORD,,\n`,
  });
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  const sha256 = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return { file: `${name}-1.0-py3-none-any.whl`, bytes, sha256 };
}

/** Format: PKWARE APPNOTE 6.3, sections 4.3.7 (local header), 4.3.12 (directory) and 4.3.16 (end). */
function zip(files: Readonly<Record<string, string>>): Uint8Array<ArrayBuffer> {
  const encoder = new TextEncoder();
  const local: number[] = [];
  const directory: number[] = [];
  const entries = Object.entries(files);
  for (const [path, text] of entries) {
    const [name, data] = [encoder.encode(path), encoder.encode(text)];
    const facts = [
      ...number(20, 2),
      ...number(0, 2),
      ...number(0, 2),
      ...number(0, 2),
      ...number(0x21, 2),
      ...number(crc32(data), 4),
      ...number(data.length, 4),
      ...number(data.length, 4),
      ...number(name.length, 2),
      ...number(0, 2),
    ];
    directory.push(...number(0x02014b50, 4), ...number(20, 2), ...facts);
    directory.push(...number(0, 2), ...number(0, 2), ...number(0, 2), ...number(0, 4));
    directory.push(...number(local.length, 4), ...name);
    local.push(...number(0x04034b50, 4), ...facts, ...name, ...data);
  }
  return Uint8Array.from([
    ...local,
    ...directory,
    ...number(0x06054b50, 4),
    ...number(0, 4),
    ...number(entries.length, 2),
    ...number(entries.length, 2),
    ...number(directory.length, 4),
    ...number(local.length, 4),
    ...number(0, 2),
  ]);
}

function number(value: number, bytes: number): number[] {
  return Array.from({ length: bytes }, (_, at) => Math.floor(value / 256 ** at) % 256);
}

function crc32(data: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of data) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}
