/**
 * Writes the faults of pages and of the style sheets in them, as one array of texts: node validate.mjs FILE…
 *
 * HTML is held against the standard and against what html-validate knows of barriers and of whole documents. CSS must
 * parse, and each property must be known and take the value that it is given.
 */

import { readFileSync } from "node:fs";
import { find, lexer, parse, walk } from "css-tree";
import { HtmlValidate, StaticConfigLoader } from "html-validate";

const validator = new HtmlValidate(
  new StaticConfigLoader({
    root: true,
    extends: ["html-validate:standard", "html-validate:a11y", "html-validate:document"],
  }),
);

function inHtml(text) {
  return validator
    .validateStringSync(text)
    .results.flatMap(({ messages }) => messages)
    .map(({ ruleId, message, line, column }) => `line ${line}, column ${column}: ${message} (${ruleId})`);
}

function inCss(text) {
  const faults = [];
  const tree = parse(text, { onParseError: (error) => faults.push(`style: ${error.formattedMessage}`) });
  walk(tree, {
    visit: "Declaration",
    enter({ property, value }) {
      // What a variable holds is known only where it is used.
      if (property.startsWith("--") || find(value, (node) => node.type === "Function" && node.name === "var")) return;
      const error = lexer.checkPropertyName(property) ?? lexer.matchProperty(property, value).error;
      if (error) faults.push(`style, ${property}: ${error.message}`);
    },
  });
  return faults;
}

const faults = [];
for (const name of process.argv.slice(2)) {
  const text = readFileSync(name, "utf8");
  const styles = [...text.matchAll(/<style[^>]*>(.*?)<\/style>/gs)];
  const found = [...inHtml(text), ...styles.flatMap(([, style]) => inCss(style))];
  faults.push(...found.map((fault) => `${name}: ${fault}`));
}
process.stdout.write(`${JSON.stringify(faults)}\n`);
