/** True for a key that says which one, not what: an id, an address, a date, a name with spaces. */
export function isDataKey(name: string): boolean {
  return !FIELD_NAME.test(name) || DATA.some((pattern) => pattern.test(name));
}

/** What developers call fields: a letter first, no spaces, not long. Nothing else becomes part of a shape. */
const FIELD_NAME = /^[@$_]{0,2}\p{L}[\p{L}\p{N}_$-]{0,39}$/u;

/** Names that look made by a machine, or counted. */
const DATA = [
  /\d{4}/,
  /[_-]\d{2,}$/,
  /^[0-9a-f]{8}(?:-|$)/i,
  /^[0-9a-f]*\d[0-9a-f]{7,}$/i,
  /^(?=.*\d)[A-Z][A-Z0-9]{6,}$/,
  /^(?=.*\d)(?=.*[a-z])(?=.*[A-Z]).{16,}$/,
];
