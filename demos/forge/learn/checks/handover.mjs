// Usage: node checks/handover.mjs out/FILE.csv. What the other side's import takes, and nothing else.
import { existsSync, readFileSync } from "node:fs";
import { basename } from "node:path";

const [path] = process.argv.slice(2);
const problems = [];
if (!existsSync(path)) {
  console.log(`${path} is not there`);
  process.exit(1);
}
const lines = readFileSync(path, "utf8").trimEnd().split(/\r?\n/);
const control = /^END\b/.test(lines.at(-1)) ? lines.pop() : null;
const rows = lines.length - 1;
if (!lines[0].includes(";")) problems.push("fields are not separated by semicolons");
const point = lines.findIndex((line) =>
  line.split(/[;,]/).some((field) => /^"?-?\d+\.\d+"?$/.test(field.trim())),
);
if (point !== -1) problems.push(`line ${point + 1}: a number has a decimal point instead of a decimal comma`);
if (control === null) problems.push("the last line is not the control line END;<number of data lines>");
else if (control !== `END;${rows}`)
  problems.push(`the control line is ${control}, and there are ${rows} data lines`);
const receipt = "out/RECEIPT.txt";
const wanted = `${basename(path)} ${rows}`;
if (!existsSync(receipt))
  problems.push(`${receipt} is not there, with a line <file name> <number of data lines> for the file`);
else if (!readFileSync(receipt, "utf8").split(/\r?\n/).includes(wanted))
  problems.push(`${receipt} has no line <file name> <number of data lines> that is right for the file`);
if (problems.length > 0) {
  console.log([`${path} is not taken over:`, ...problems.map((problem) => `- ${problem}`)].join("\n"));
  process.exit(1);
}
console.log(`${path} is taken over`);
