// Previews while a node samples come as one JPEG with all frames, whose comment says how they stand in it:
// "vdt frames=16 columns=4 width=64 height=64 label=step 3 of 8". No page is needed here.

const COMMENT = 0xfe, SCAN = 0xda, START = 0xd8;

/** The comment of a JPEG (Uint8Array), "" where it has none. */
export function commentOf(bytes) {
  if (bytes[0] !== 0xff || bytes[1] !== START) return "";
  let at = 2;
  while (at + 4 <= bytes.length && bytes[at] === 0xff && bytes[at + 1] !== SCAN) {
    const length = (bytes[at + 2] << 8) | bytes[at + 3];
    if (bytes[at + 1] === COMMENT) return new TextDecoder().decode(bytes.subarray(at + 4, at + 2 + length));
    at += 2 + length;
  }
  return "";
}

/** The sheet that a comment describes: {frames, columns, rows, width, height, label}; null for other pictures. */
export function sheetOf(comment) {
  const match = /^vdt frames=(\d+) columns=(\d+) width=(\d+) height=(\d+)(?: label=(.*))?$/s.exec(comment);
  if (!match) return null;
  const [frames, columns, width, height] = match.slice(1, 5).map(Number);
  return { frames, columns, rows: Math.ceil(frames / columns), width, height, label: match[5] ?? "" };
}
