# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``make demo``: configure, verify, and rotate archive storage on this machine, then stop all servers.

Start a real S3 server and an emulator of the Vonage Video API. Run the playbook configure twice, record and upload an
archive, run the playbooks verify and rotate, record another archive, and check the state of the servers. The exit
status is 0 only if all checks pass.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from tests.sandbox import Sandbox, SandboxError
from tests.sandbox._signals import handle_stop_signals

from . import output
from .scenario import Demo, PlaybookError


class Interrupted(BaseException):
    """The demo received a stop signal."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.demo", description=(__doc__ or "").split("\n\n")[1])
    parser.add_argument("--bucket", default="demo-recordings", help="name of the bucket")
    parser.add_argument(
        "--closed-bucket",
        action="store_true",
        help="create the bucket with a policy that denies uploads, to show how the run fails",
    )
    return parser.parse_args(arguments)


def interrupt(number: int) -> None:
    """End the demo with its clean-up."""
    raise Interrupted(number)


def run_demo(options: argparse.Namespace) -> int:
    """Run the demo; return 0 only if all checks pass."""
    start = time.monotonic()
    output.print_heading(1, "Start the sandbox: all servers run on this machine, and no request leaves it")
    with Sandbox() as sandbox:
        checks = Demo(sandbox, options.bucket, options.closed_bucket).run()
    output.print_summary(checks)
    failed = sum(not check.ok for check in checks)
    verdict = f"{failed} of {len(checks)} checks failed" if failed else f"All {len(checks)} checks passed"
    output.print_line(f"\n{verdict} in {time.monotonic() - start:.0f} s. All servers are stopped.")
    return 1 if failed else 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    options = parse_arguments(arguments)
    handle_stop_signals(interrupt)
    try:
        return run_demo(options)
    except (PlaybookError, SandboxError) as error:
        sys.stderr.write(f"\nThe demo failed: {error}\nAll servers are stopped.\n")
        return 1
    except Interrupted as interrupted:
        sys.stderr.write("\nInterrupted. All servers are stopped.\n")
        return 128 + interrupted.number


if __name__ == "__main__":
    sys.exit(main())
