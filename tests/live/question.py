# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A question, its result, and the state that the questions of a run share."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.live.http import Response, Transport
from tests.live.journal import Journal
from tests.live.settings import Settings

YES, NO, OTHER, NOT_ASKED = "yes", "no", "other", "not asked"
NAME_PREFIX = "vonage-archiving-live-"


class SetupError(Exception):
    """A resource that a question requires could not be created."""


class NotAskedError(Exception):
    """The settings of the run are not sufficient for a question."""


@dataclass(frozen=True)
class Answer:
    """An answer to a question. The evidence contains no text of a response, except error codes and header values."""

    value: str
    evidence: str = ""


@dataclass(frozen=True)
class Question:
    """A statement that a live service can confirm (yes) or contradict (no); ``other`` needs a person."""

    name: str
    statement: str
    ask: Callable[[Any], Answer]


@dataclass
class Run:
    """The settings of one part, the journal, and the time limits in seconds.

    :param may_replace: the user allows the run to replace the upload target of the given project or application.
    """

    settings: Settings
    journal: Journal
    transport: Transport
    wait: float
    may_replace: bool = False
    # With the prefix, it has the 30 characters that Google allows for a service account.
    id: str = field(default_factory=lambda: secrets.token_hex(4))

    @property
    def name(self) -> str:
        """The name of the resources of this run."""
        return NAME_PREFIX + self.id

    def create(self, kind: str, name: str, send: Callable[[], Response]) -> Response:
        """Create a resource: an entry in the journal precedes the request."""
        entry = self.journal.announce(self.settings.part, kind, name, self.settings.endpoint)
        response = send()
        if response.is_success:
            self.journal.confirm(entry)
            return response
        if response.is_refusal:
            # The resource does not exist, or belongs to another run or user: a cleanup must not delete it.
            self.journal.discard(entry)
        raise SetupError(f"{kind} {name}: {response}")

    def seconds_until(self, condition: Callable[[], bool]) -> float | None:
        """Return the seconds until a condition is true; None if it is false until the time limit."""
        start = time.monotonic()
        while not condition():
            if time.monotonic() - start > self.wait:
                return None
            time.sleep(min(1.0, self.wait / 3))
        return time.monotonic() - start


def confirm(condition: bool, evidence: str = "") -> Answer:
    """Return yes or no."""
    return Answer(YES if condition else NO, evidence)


def confirm_delay(seconds: float | None, limit: float) -> Answer:
    """Return whether a change took effect, and after how many seconds."""
    evidence = f"after {seconds:.1f} s" if seconds is not None else f"not within {limit:g} s"
    return confirm(seconds is not None, evidence)


def require(response: Response, what: str) -> Response:
    """Return a successful response; without it, the question has no result."""
    if not response.is_success:
        raise SetupError(f"{what}: {response}")
    return response
