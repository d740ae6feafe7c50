/**
 * Inflates the script of the page, which is packed for the sake of phones and of those who send the page as a file, and
 * lets the browser run it.
 *
 * The policy of the page names the SHA-256 of this script and that of the script it unpacks: the browser runs these two
 * and refuses every other. Only here, once, is a text turned into a script; nobody can do so again under this name.
 */

/** Trusted Types, as far as they are used here; the compiler knows none. */
interface ScriptPolicy {
  createScript(code: string): string;
}
declare global {
  interface Window {
    readonly trustedTypes?: { createPolicy(name: string, rules: ScriptPolicy): ScriptPolicy };
  }
}

async function unpack(): Promise<void> {
  const packed = atob(document.getElementById("packed")?.textContent ?? "");
  const bytes = Uint8Array.from(packed, (character) => character.charCodeAt(0));
  const inflated = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  const text = await new Response(inflated).text();
  const policy = window.trustedTypes?.createPolicy("unpack", { createScript: (code) => code });
  const script = document.createElement("script");
  script.text = policy ? policy.createScript(text) : text;
  document.body.append(script);
  if (document.querySelector("main") === null) throw new Error("the browser did not run the script");
}

/** What stands there until the script of the page takes its place. */
function say(text: string, lang: string): void {
  const line = document.createElement("p");
  line.lang = lang;
  line.textContent = text;
  document.body.append(line);
}

unpack().catch(() => {
  say("このページは壊れているか、お使いのブラウザでは動きません。新しいブラウザで開いてください。", "ja");
  say("This page is damaged, or this browser is too old for it. Open it in a newer browser.", "en");
});

export {};
