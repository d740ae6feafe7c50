/** Judges what comes in, a request on each line, with the bundle of judge.ts that is named: node driver.mjs judge.mjs */

import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const { judge } = await import(pathToFileURL(process.argv[2]).href);
for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  const began = process.cpuUsage();
  const answer = judge(request);
  const { user, system } = process.cpuUsage(began);
  process.stdout.write(`${JSON.stringify({ ...answer, seconds: (user + system) / 1e6 })}\n`);
}
