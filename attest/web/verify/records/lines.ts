/** The lines of a file that others wrote, one by one: no text of the whole file is ever made. */

import { malformed } from "../ground/errors.ts";

const MAX_FILE_BYTES = 512 * 1024 * 1024;
export const MAX_LINE_BYTES = 16 * 1024 * 1024;
export const MAX_LINES = 2 ** 20;
const LINE_FEED = 10;

export function refuseLargeFile(content: Uint8Array, name: string): void {
  if (content.length > MAX_FILE_BYTES) {
    throw malformed("file/too-large", `${name} has more than ${MAX_FILE_BYTES} bytes`);
  }
}

export interface Line {
  /** The first is 1. */
  readonly row: number;
  readonly bytes: Uint8Array;
}

/**
 * The lines without their line breaks. Throws a `malformed` error that names the line which is too long; at once, when
 * the last has no line break, for then the file was cut off.
 */
export function* linesOf(content: Uint8Array, name: string): Generator<Line> {
  refuseLargeFile(content, name);
  if (content.length > 0 && content[content.length - 1] !== LINE_FEED) {
    throw malformed("evidence/truncated", `${name} does not end with a line break`);
  }
  let row = 1;
  for (let at = 0; at < content.length; row += 1) {
    const end = content.indexOf(LINE_FEED, at);
    if (end - at > MAX_LINE_BYTES) {
      throw malformed("evidence/long-line", `${name} row ${row} has more than ${MAX_LINE_BYTES} bytes`);
    }
    yield { row, bytes: content.subarray(at, end) };
    at = end + 1;
  }
}
