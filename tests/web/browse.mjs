/**
 * Does in a browser what comes in, a command on each line, and answers each with a line: node browse.mjs chromium PATH
 *
 * Nothing but what the page itself asks for is asked of any network. A page that is opened takes the place of the last.
 */

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import puppeteer from "puppeteer-core";

const [kind, executablePath] = process.argv.slice(2);
const FLAGS = [
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-dev-shm-usage",
  "--disable-gpu",
  "--lang=en",
  // Chromium's own sandbox does not start for root, who runs the tests in a container.
  ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []),
];

const browser = await puppeteer.launch({
  browser: kind === "firefox" ? "firefox" : "chrome",
  executablePath,
  headless: true,
  args: kind === "firefox" ? [] : FLAGS,
  timeout: 120_000,
  protocolTimeout: 300_000,
});

let page;
let seen;

/** `at` is what the page takes for now, in seconds; its clock stands still. */
async function open({ url, width = 1280, height = 900, dark = false, scale = 1, at = null }) {
  await page?.close();
  page = await browser.newPage();
  page.setDefaultTimeout(120_000);
  seen = { errors: [], console: [], requests: [] };
  const { errors, console: said, requests } = seen;
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("dialog", (dialog) => void dialog.dismiss());
  page.on("console", (message) => said.push(message.text()));
  page.on("request", (request) => request.url().startsWith("data:") || requests.push(request.url()));
  const handheld = width < 600;
  await page.setViewport({ width, height, deviceScaleFactor: scale, isMobile: handheld, hasTouch: handheld });
  if (kind !== "firefox") {
    await page.emulateMediaFeatures([
      { name: "prefers-color-scheme", value: dark ? "dark" : "light" },
      { name: "prefers-reduced-motion", value: "reduce" },
    ]);
  }
  if (at !== null) {
    await page.evaluateOnNewDocument((now) => {
      Date.now = () => now * 1000;
    }, at);
  }
  await page.goto(url);
  return null;
}

async function axe() {
  const require = createRequire(import.meta.url);
  if (!(await page.evaluate("typeof globalThis.axe === 'object'"))) {
    await page.evaluate(readFileSync(require.resolve("axe-core/axe.min.js"), "utf8"));
  }
  const { violations } = await page.evaluate("axe.run(document, { resultTypes: ['violations'] })");
  return violations.map(({ id, help, nodes }) => ({ id, help, nodes: nodes.map((node) => node.html.slice(0, 300)) }));
}

async function choose({ selector, files }) {
  const input = await page.$(selector);
  if (input === null) throw new Error(`nothing is ${selector}`);
  await input.uploadFile(...files);
  return null;
}

async function cpu() {
  const session = await browser.target().createCDPSession();
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  await session.detach();
  return processInfo.filter((one) => one.type === "renderer").reduce((sum, one) => sum + one.cpuTime, 0);
}

const COMMANDS = {
  open,
  axe,
  choose,
  cpu,
  version: () => browser.version(),
  seen: () => seen,
  evaluate: ({ script }) => page.evaluate(script),
  judge: ({ requests }) => page.evaluate((all) => all.map((one) => globalThis.bundled.judge(one)), requests),
  click: ({ selector }) => page.click(selector),
  screenshot: ({ path, whole = false }) => page.screenshot({ path, fullPage: whole }).then(() => null),
  wait: ({ script }) => page.waitForFunction(script).then(() => null),
};

try {
  for await (const line of createInterface({ input: process.stdin })) {
    const { do: name, ...options } = JSON.parse(line);
    let answer;
    try {
      answer = { value: (await COMMANDS[name](options)) ?? null };
    } catch (error) {
      answer = { error: String(error) };
    }
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
} finally {
  await browser.close();
}
