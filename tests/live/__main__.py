# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m tests.live``: ask the live services, write a report, and delete everything that the run created.

A killed run is repaired by ``python -m tests.live --cleanup`` with the same credentials.
"""

from __future__ import annotations

import argparse
import datetime
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.live import aws, google, vonage
from tests.live.cleanup import clean_up
from tests.live.http import Transport
from tests.live.journal import Journal, JournalError
from tests.live.question import NOT_ASKED, Answer, NotAskedError, Question, Run, SetupError
from tests.live.report import Result, build, write
from tests.live.settings import (
    AWS,
    GOOGLE,
    PARTS,
    VONAGE,
    Settings,
    SettingsError,
    check_endpoints,
    credential_names,
    read_environment,
    read_profile,
    read_settings,
)

FOLDER = Path("build/live")
QUESTIONS: Mapping[str, Sequence[Question]] = {
    AWS: aws.QUESTIONS,
    GOOGLE: google.QUESTIONS,
    VONAGE: vonage.QUESTIONS,
}
SERVICES: Mapping[str, Callable[[Run], Any]] = {AWS: aws.Aws, GOOGLE: google.Google, VONAGE: vonage.Vonage}
NO_ANSWER = "no answer"


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    names = [question.name for questions in QUESTIONS.values() for question in questions]
    parser = argparse.ArgumentParser(
        prog="python -m tests.live",
        description=__doc__,
        epilog="; ".join(f"{part}: {credential_names(part)}" for part in PARTS),
    )
    parser.add_argument("--part", action="append", choices=PARTS, help="repeatable (default: all with credentials)")
    parser.add_argument("--question", action="append", choices=names, metavar="NAME", help="repeatable (default: all)")
    parser.add_argument("--list", action="store_true", help="list the questions, and send nothing")
    parser.add_argument("--cleanup", action="store_true", help="delete the resources in the journal, and ask nothing")
    parser.add_argument("--profile", type=Path, metavar="FILE", help="INI file with the sections aws, google, vonage")
    parser.add_argument(
        "--journal", type=Path, default=FOLDER / "journal.jsonl", metavar="FILE", help="(default: %(default)s)"
    )
    parser.add_argument("--report", type=Path, default=FOLDER, metavar="FOLDER", help="(default: %(default)s)")
    parser.add_argument(
        "--wait", type=float, default=120, metavar="SECONDS", help="time limit of a change (default: 120)"
    )
    parser.add_argument(
        "--settle",
        type=float,
        default=60,
        metavar="SECONDS",
        help="time until a creation without a response has taken effect (default: 60)",
    )
    parser.add_argument(
        "--replace-upload-target",
        action="store_true",
        help="replace the upload target of the given project or application, which cannot be restored, and delete it",
    )
    parser.add_argument("--stand-in", action="store_true", help="allow http on 127.0.0.1, and mark the report")
    return parser.parse_args(arguments)


def select_settings(options: argparse.Namespace) -> dict[str, Settings]:
    """Return the settings of the selected parts; by default, of those with credentials."""
    profile = read_profile(options.profile) if options.profile else None
    selected = {}
    for part in options.part or PARTS:
        settings = read_settings(part, read_environment(), profile)
        if settings:
            check_endpoints(settings, options.stand_in)
            selected[part] = settings
        elif options.part:
            raise SettingsError(f"{part}: the credentials are not set. Set {credential_names(part)}, or use --profile.")
    if not selected:
        raise SettingsError("No credentials are set. --help lists the environment variables.")
    return selected


def ask(question: Question, service: Any) -> Answer:
    """Ask one question."""
    try:
        return question.ask(service)
    except NotAskedError as error:
        return Answer(NOT_ASKED, str(error))
    except SetupError as error:
        return Answer(NO_ANSWER, str(error))
    except LookupError as error:
        return Answer(NO_ANSWER, f"a response has another form ({type(error).__name__})")


def ask_part(run: Run, names: Sequence[str]) -> list[Result]:
    """Ask the questions of one part."""
    part = run.settings.part
    service = SERVICES[part](run)
    results = []
    for question in QUESTIONS[part]:
        if names and question.name not in names:
            continue
        run.transport.lines.clear()
        answer = ask(question, service)
        lines = list(run.transport.lines)
        results.append(Result(question.name, part, question.statement, answer.value, answer.evidence, lines))
        print(f"{question.name}: {answer.value}{f' ({answer.evidence})' if answer.evidence else ''}", flush=True)
    return results


def ask_all(options: argparse.Namespace, settings: Mapping[str, Settings], journal: Journal) -> list[Result]:
    """Ask all questions, then delete the created resources, also after an error or a stop signal."""
    transport = Transport()
    results = []
    try:
        for part_settings in settings.values():
            run = Run(part_settings, journal, transport, options.wait, options.replace_upload_target)
            results += ask_part(run, options.question or [])
    finally:
        problems = clean_up(journal, settings, transport, options.settle)
        print_problems(problems)
    return results


def print_problems(problems: Sequence[str]) -> None:
    """Print the resources that may remain."""
    for problem in problems:
        print(f"may remain: {problem}", file=sys.stderr)
    if problems:
        print("Run the command again with --cleanup.", file=sys.stderr)


def run_questions(options: argparse.Namespace, settings: Mapping[str, Settings], journal: Journal) -> int:
    """Ask the questions, and write the report; return 1 if a question has no result, or if resources may remain."""
    if entries := journal.pending():
        raise SettingsError(f"{options.journal}: {len(entries)} resources of an earlier run may remain. Use --cleanup.")
    results = ask_all(options, settings, journal)
    date = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    endpoints = {part: part_settings.endpoints for part, part_settings in settings.items()}
    secrets = [secret for part_settings in settings.values() for secret in part_settings.secrets]
    write(options.report, build(date, options.stand_in, endpoints, results), secrets)
    print(f"Report: {options.report / 'report.md'}")
    return 1 if journal.pending() or any(result.answer == NO_ANSWER for result in results) else 0


def run_cleanup(options: argparse.Namespace, settings: Mapping[str, Settings], journal: Journal) -> int:
    """Delete the resources in the journal."""
    entries = journal.pending()
    problems = clean_up(journal, settings, Transport(), options.settle)
    print(f"Deleted or not found: {len(entries) - len(problems)} of {len(entries)} resources.")
    print_problems(problems)
    return 1 if problems else 0


def stop(_signal: int, _frame: object) -> None:
    """End the run with its cleanup."""
    raise KeyboardInterrupt


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    options = parse_arguments(arguments)
    if options.list:
        print("\n".join(f"{question.name}: {question.statement}" for part in PARTS for question in QUESTIONS[part]))
        return 0
    try:
        settings = select_settings(options)
        journal = Journal(options.journal)
        try:
            return (run_cleanup if options.cleanup else run_questions)(options, settings, journal)
        finally:
            journal.close()
    except (SettingsError, JournalError, OSError) as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, stop)
    sys.exit(main())
