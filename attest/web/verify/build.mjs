/**
 * Builds the customer's page, one file that asks for nothing else:
 *
 *     node build.mjs [--out FILE]
 *     node build.mjs --bundle ENTRY.ts --format esm|iife --out FILE
 *
 * The second is for tests, which run the verifier as it is in the page: read by the same bundler, for the same browsers.
 * The same sources give the same bytes on every machine.
 */

import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import zopfli from "@gfx/zopfli";
import { build } from "esbuild";

const HERE = dirname(fileURLToPath(import.meta.url));
const TARGET = ["chrome103", "firefox113", "safari16.4"];

/** The code of one entry and all that it imports. */
async function bundled(entry, options) {
  const { outputFiles, warnings } = await build({
    absWorkingDir: HERE,
    entryPoints: [entry],
    bundle: true,
    write: false,
    minify: true,
    charset: "utf8",
    legalComments: "none",
    target: TARGET,
    logLevel: "error",
    ...options,
  });
  const [file, ...others] = outputFiles;
  if (warnings.length > 0) throw new Error(`${entry}: ${warnings.map((one) => one.text).join("; ")}`);
  if (file === undefined || others.length > 0) throw new Error(`${entry}: not one file came of it`);
  return file.text;
}

/** Refuse what a reader of HTML would end, hide or rewrite in an element of this kind, for then no hash would match. */
function fitting(kind, text) {
  const refused = text.match(new RegExp(`</${kind}|<!--|[\\0\\r]|\\p{Surrogate}`, "iu"));
  if (refused !== null) throw new Error(`the ${kind} holds ${JSON.stringify(refused[0])}, which HTML does not keep`);
  return text;
}

const hashOf = (text) => `'sha256-${createHash("sha256").update(text, "utf8").digest("base64")}'`;

/** What a browser lets the page do: run these scripts and use this style, and nothing else. */
function policy(scripts, style) {
  return [
    "default-src 'none'",
    `script-src ${scripts.map(hashOf).join(" ")}`,
    `style-src ${hashOf(style)}`,
    "img-src data:",
    "base-uri 'none'",
    "form-action 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types unpack",
  ].join("; ");
}

/** The template after each `{{name}}` in it, which must be there once, is replaced by its text. */
function filled(template, texts) {
  const found = [...template.matchAll(/\{\{(\w+)\}\}/g)].map(([, name]) => name);
  if (found.sort().join() !== Object.keys(texts).sort().join()) {
    throw new Error(`page.html has places for ${found.join(", ")}, not one each for ${Object.keys(texts).join(", ")}`);
  }
  return template.replace(/\{\{(\w+)\}\}/g, (_, name) => texts[name]);
}

/** The licences of the libraries in the page, as they ask for, each text once. */
function licences() {
  const { dependencies } = JSON.parse(readFileSync(join(HERE, "package.json"), "utf8"));
  const texts = Object.keys(dependencies).map((name) => [name, readFileSync(join(HERE, "node_modules", name, "LICENSE"), "utf8").trim()]);
  const of = (text) => texts.filter(([, other]) => other === text).map(([name]) => name);
  return [...new Set(texts.map(([, text]) => text))].map((text) => `${of(text).join(", ")}:\n\n${text}`).join("\n\n");
}

/** Zlib's format in base64. Zopfli packs a twentieth more than zlib does, and the same on every machine. */
async function packed(text) {
  const bytes = await promisify(zopfli.zlib)(Buffer.from(text, "utf8"), { numiterations: 15 });
  return Buffer.from(bytes).toString("base64");
}

async function page() {
  const code = (await bundled("page/main.ts", { format: "iife", platform: "browser" })).trim();
  const script = `${code}\n/*\n${licences().replaceAll("*/", "* /")}\n*/`;
  const unpack = fitting("script", (await bundled("unpack.ts", { format: "iife", platform: "browser", minify: false })).trim());
  const style = fitting("style", (await bundled("style.css", {})).trim());
  const template = readFileSync(join(HERE, "page.html"), "utf8");
  return filled(template, { csp: policy([unpack, script], style), style, packed: await packed(script), unpack });
}

const { values: options } = parseArgs({
  options: {
    out: { type: "string", default: join(HERE, "..", "verify.html") },
    bundle: { type: "string" },
    format: { type: "string", default: "esm" },
  },
});
const text =
  options.bundle === undefined
    ? await page()
    : await bundled(resolve(options.bundle), { format: options.format, platform: "neutral", globalName: "bundled" });
writeFileSync(options.out, text);
