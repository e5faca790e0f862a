// Calls functions of the editor's code: [[module, function, [argument, …]], …] on stdin, what they returned on stdout; constants as they are.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const made = [];
for (const [name, call, values] of JSON.parse(readFileSync(0, "utf8"))) {
  const module = await import(pathToFileURL(`${process.argv[2]}/${name}.js`));
  made.push(typeof module[call] === "function" ? (await module[call](...values)) ?? null : module[call]);
}
process.stdout.write(JSON.stringify(made));
