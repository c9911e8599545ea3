# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the screenshots of the documentation: its start page, one guide, and a terminal with the demo.

They require Chromium or Chrome, which nothing else requires. Without a browser, the command changes nothing.

usage: python -m tools.screenshots
"""

from __future__ import annotations

import html
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tools import docs
from tools.paths import ROOT

# Only the terminal is part of the documentation, and therefore of the artifact.
TERMINAL_IMAGE = ROOT / "docs" / "docsite" / "rst" / "images" / "terminal.png"
PAGE_IMAGES = ROOT / ".github" / "images"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
WIDTH, HEIGHT = 1120, 760
PAGES = {"start_page": "index.html", "guide": "docsite/guide_getting_started.html"}
LINE_HEIGHT = 18
# Characters of the font in WIDTH without the padding.
COLUMNS = 138
END_OF_SCREENSHOT = "\n4. "
TERMINAL = """<!DOCTYPE html>
<meta charset="utf-8">
<style>
html, body {{ margin: 0; background: #1b1f24; color: #d7dce2; }}
pre {{ margin: 0; padding: 16px; font: 13px/{height}px "DejaVu Sans Mono", monospace; }}
b {{ color: #ffffff; }} .ok {{ color: #7bc77e; }} .changed {{ color: #e6c35c; }}
</style>
<pre>{text}</pre>
"""


def find_browser() -> str | None:
    """Return the first browser on PATH."""
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


def format_terminal(output: str) -> str:
    """Return the output of a command as a page that looks like a terminal."""
    text = html.escape(output, quote=False).rstrip()
    text = re.sub(r"^(\$ .*|\d\. .*|All .*)$", r"<b>\1</b>", text, flags=re.MULTILINE)
    text = re.sub(r"^( +)(ok|yes|changed)\b", color_status, text, flags=re.MULTILINE)
    return TERMINAL.format(height=LINE_HEIGHT, text=text)


def color_status(match: re.Match[str]) -> str:
    """Return the status of a line in the color that Ansible uses."""
    name = "changed" if match[2] == "changed" else "ok"
    return f'{match[1]}<span class="{name}">{match[2]}</span>'


def run_demo() -> str:
    """Return the command of the demo and its output."""
    process = subprocess.run(
        [sys.executable, "-m", "tests.demo"], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
    )
    # The first steps are sufficient: a run with changes, and one without.
    lines = f"$ make demo\n{process.stdout.partition(END_OF_SCREENSHOT)[0]}".splitlines()
    return "\n".join(line if len(line) <= COLUMNS else f"{line[: COLUMNS - 1]}…" for line in lines)


def take(browser: str, page: Path, image: Path, height: int) -> None:
    """Write the screenshot of a page; the browser cannot reach the network."""
    with tempfile.TemporaryDirectory() as home:
        command = [
            browser,
            "--headless=new",
            "--hide-scrollbars",
            "--disable-gpu",
            "--disable-lcd-text",
            "--host-resolver-rules=MAP * ~NOTFOUND",
        ]
        # Chromium does not start its sandbox as root, for example in a container.
        command += ["--no-sandbox"] if os.geteuid() == 0 else []
        command += [
            f"--user-data-dir={home}",
            f"--window-size={WIDTH},{height}",
            f"--screenshot={image}",
            page.as_uri(),
        ]
        subprocess.run(command, check=True, env={**os.environ, "HOME": home}, capture_output=True, timeout=120)


def main() -> int:
    """Write all screenshots."""
    browser = find_browser()
    if not browser:
        sys.stdout.write(f"Skipped: no browser on PATH. Install one of: {', '.join(BROWSERS)}.\n")
        return 0
    docs.main()
    for name, address in PAGES.items():
        take(browser, docs.SITE / "html" / address, PAGE_IMAGES / f"{name}.png", HEIGHT)
    output = run_demo()
    with tempfile.TemporaryDirectory() as folder:
        terminal = Path(folder, "terminal.html")
        terminal.write_text(format_terminal(output))
        take(browser, terminal, TERMINAL_IMAGE, LINE_HEIGHT * (output.rstrip().count("\n") + 1) + 32)
    return 0


if __name__ == "__main__":
    sys.exit(main())
