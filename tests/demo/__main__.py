# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``make demo``: from nothing to proven archive storage, on this machine, with nothing left behind.

Starts a real S3 server and an emulator of the Vonage Video API, runs the playbook configure twice, has an archive
recorded and uploaded, runs the playbooks verify and rotate, has another archive recorded, and asks the servers what
they hold. The exit status is 0 only if all that is claimed at the end is true.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Sequence
from types import FrameType

from tests.sandbox import Sandbox, SandboxError

from . import show
from .steps import Demo, StepFailed

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """Somebody asked the demo to end."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.demo", description=(__doc__ or "").split("\n\n")[1])
    parser.add_argument("--bucket", default="demo-recordings", help="name of the bucket")
    parser.add_argument(
        "--closed-bucket",
        action="store_true",
        help="make the bucket beforehand, with a policy that denies uploads, to see how that is noticed",
    )
    return parser.parse_args(arguments)


def stop_on_signals() -> None:
    """Let the stop signals end the demo through its clean-up, once."""

    def handler(number: int, frame: FrameType | None) -> None:
        for each in STOP_SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        raise Stopped(number)

    for each in STOP_SIGNALS:
        signal.signal(each, handler)


def play(options: argparse.Namespace) -> int:
    """Run the demo; 0 only if everything it claims is true."""
    started = time.monotonic()
    show.heading(1, "Start the sandbox: everything runs on this machine, nothing is sent anywhere else")
    with Sandbox() as sandbox:
        findings = Demo(sandbox, options.bucket, options.closed_bucket).play()
    show.summary(findings)
    wrong = sum(not finding.ok for finding in findings)
    verdict = f"{wrong} of {len(findings)} are not true." if wrong else f"All {len(findings)} are true."
    show.say(f"\n{verdict} It took {time.monotonic() - started:.0f} s; everything that was started is stopped again.")
    return 1 if wrong else 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    options = parse(arguments)
    stop_on_signals()
    try:
        return play(options)
    except (StepFailed, SandboxError) as error:
        sys.stderr.write(f"\nThe demo failed: {error}\nEverything that was started is stopped again.\n")
        return 1
    except Stopped as signalled:
        sys.stderr.write("\nStopped; everything that was started is stopped again.\n")
        return 128 + signalled.number


if __name__ == "__main__":
    sys.exit(main())
