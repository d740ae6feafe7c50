/** What someone gives the page: files from a picker, files dropped, text pasted, and the fragment of the address. */

/** A file longer than this is not read, nor are files that together are longer than `MAX_TOTAL`. */
export const MAX_FILE = 128 * 1024 * 1024;
export const MAX_TOTAL = 256 * 1024 * 1024;
export const MAX_FILES = 64;
const MAX_PASTED = 8 * 1024 * 1024;
const MAX_INFLATED = 1024 * 1024;

/** Why something was not taken. */
export type Problem =
  | { readonly kind: "tooLarge"; readonly name: string; readonly size: number; readonly limit: number }
  | { readonly kind: "tooMany" }
  | { readonly kind: "unreadable"; readonly name: string }
  | { readonly kind: "damagedLink" | "oldBrowser" };

export interface Taken {
  readonly name: string;
  /** Whether a link held it. */
  readonly isLinked: boolean;
  readonly bytes: Uint8Array;
}

export interface Received {
  readonly taken: readonly Taken[];
  readonly problems: readonly Problem[];
}

/** Read files whose sizes were looked at before; `held` is how many bytes the page has already. */
export async function readFiles(files: readonly File[], held: number): Promise<Received> {
  const taken: Taken[] = [];
  const problems: Problem[] = files.length > MAX_FILES ? [{ kind: "tooMany" }] : [];
  let total = held;
  for (const file of files.slice(0, MAX_FILES)) {
    const limit = file.size > MAX_FILE ? MAX_FILE : MAX_TOTAL;
    if (file.size > MAX_FILE || total + file.size > MAX_TOTAL) {
      problems.push({ kind: "tooLarge", name: file.name, size: file.size, limit });
      continue;
    }
    total += file.size;
    try {
      taken.push({ name: file.name, isLinked: false, bytes: new Uint8Array(await file.arrayBuffer()) });
    } catch {
      problems.push({ kind: "unreadable", name: file.name });
    }
  }
  return { taken, problems };
}

/** Text of a file, or a link with a fragment in it. */
export async function readText(text: string, name: string, linkName: string): Promise<Received> {
  if (text.length > MAX_PASTED) {
    return { taken: [], problems: [{ kind: "tooLarge", name, size: text.length, limit: MAX_PASTED }] };
  }
  const fragment = /^\s*\S{0,2000}#(proof=[A-Za-z0-9_=-]+)\s*$/.exec(text)?.[1];
  if (fragment !== undefined) return readFragment(fragment, linkName);
  return { taken: [{ name, isLinked: false, bytes: new TextEncoder().encode(text.trim()) }], problems: [] };
}

/** `proof=` and a file, deflated and in base64url. The bytes that come out are bounded while they come. */
export async function readFragment(fragment: string, name: string): Promise<Received> {
  const refused = (kind: "damagedLink" | "oldBrowser"): Received => ({ taken: [], problems: [{ kind }] });
  const encoded = /^proof=([A-Za-z0-9_-]+)={0,2}$/.exec(fragment)?.[1];
  if (encoded === undefined || encoded.length > 2 * MAX_INFLATED) return refused("damagedLink");
  let stream: ReadableStream<Uint8Array>;
  try {
    const deflated = Uint8Array.from(atob(encoded.replace(/-/g, "+").replace(/_/g, "/")), (one) => one.charCodeAt(0));
    if (typeof DecompressionStream !== "function") return refused("oldBrowser");
    stream = new Blob([deflated]).stream().pipeThrough(decompression());
  } catch (error) {
    return refused(error instanceof TypeError ? "oldBrowser" : "damagedLink");
  }
  try {
    const bytes = await bounded(stream, MAX_INFLATED);
    return bytes === null ? refused("damagedLink") : { taken: [{ name, isLinked: true, bytes }], problems: [] };
  } catch {
    return refused("damagedLink");
  }
}

/** A browser that knows streams and not this format throws a TypeError. */
function decompression(): ReadableWritablePair<Uint8Array, BufferSource> {
  const { readable, writable } = new DecompressionStream("deflate-raw");
  return { readable, writable };
}

/** All bytes of a stream, or null as soon as there are more than `most`. */
async function bounded(stream: ReadableStream<Uint8Array>, most: number): Promise<Uint8Array | null> {
  const reader = stream.getReader();
  const parts: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    length += value.length;
    if (length > most) {
      await reader.cancel();
      return null;
    }
    parts.push(value);
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

export interface Listener {
  readonly files: (files: readonly File[]) => void;
  readonly text: (text: string) => void;
  readonly fragment: (fragment: string) => void;
}

/** Hear of files dropped and text pasted anywhere, and of the fragment, which is taken out of the address at once. */
export function listen(listener: Listener): void {
  const root = document.documentElement;
  const hasSomething = ({ dataTransfer }: DragEvent): boolean =>
    dataTransfer !== null && [...dataTransfer.types].some((type) => type === "Files" || type === "text/plain");
  let depth = 0;
  const over = (change: number): void => {
    depth = Math.max(0, depth + change);
    root.classList.toggle("dropping", depth > 0);
  };
  document.addEventListener("dragenter", (event) => {
    if (hasSomething(event)) over(1);
  });
  document.addEventListener("dragleave", (event) => {
    if (hasSomething(event)) over(-1);
  });
  document.addEventListener("dragover", (event) => {
    if (hasSomething(event)) event.preventDefault();
  });
  document.addEventListener("drop", (event) => {
    over(-depth);
    if (!hasSomething(event) || event.dataTransfer === null) return;
    if (isField(event.target) && event.dataTransfer.files.length === 0) return;
    event.preventDefault();
    hear(event.dataTransfer, listener);
  });
  document.addEventListener("paste", (event) => {
    if (event.clipboardData === null) return;
    if (isField(event.target) && event.clipboardData.files.length === 0) return;
    event.preventDefault();
    hear(event.clipboardData, listener);
  });
  addEventListener("hashchange", () => takeFragment(listener));
  takeFragment(listener);
}

function hear(data: DataTransfer, listener: Listener): void {
  const files = [...data.files];
  const text = data.getData("text/plain");
  if (files.length > 0) listener.files(files);
  else if (text.trim() !== "") listener.text(text);
}

function isField(target: EventTarget | null): boolean {
  return target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement;
}

function takeFragment(listener: Listener): void {
  // Whoever passes a link on may have written its sign in another way.
  const fragment = location.hash.slice(1).replace(/%3D/gi, "=");
  if (!fragment.startsWith("proof=")) return;
  // The proof names an account and its balances: it shall not stay in the history, nor be copied with the address.
  history.replaceState(null, "", location.pathname + location.search);
  listener.fragment(fragment);
}
