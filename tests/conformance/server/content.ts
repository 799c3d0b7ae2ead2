import { Buffer } from "node:buffer";

/** One pixel, as PNG. */
export const PNG =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==";

/** One silent sample, as WAV: 8 kHz, mono, 8 bits. */
export const WAV = createSilence().toString("base64");

function createSilence(): Buffer {
  const wav = Buffer.alloc(45);
  wav.write("RIFF", 0);
  wav.writeUInt32LE(37, 4);
  wav.write("WAVEfmt ", 8);
  wav.writeUInt32LE(16, 16); // bytes of the format
  wav.writeUInt16LE(1, 20); // PCM
  wav.writeUInt16LE(1, 22); // channels
  wav.writeUInt32LE(8_000, 24); // samples a second
  wav.writeUInt32LE(8_000, 28); // bytes a second
  wav.writeUInt16LE(1, 32); // bytes a sample
  wav.writeUInt16LE(8, 34); // bits a sample
  wav.write("data", 36);
  wav.writeUInt32LE(1, 40);
  wav.writeUInt8(0x80, 44);
  return wav;
}
