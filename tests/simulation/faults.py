# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Failures of calls, by the seed.

A call of botocore with several attempts is one call here. Its failed attempts are modeled as their result: a second
execution after a lost response, or an error after the last attempt. The attempts of the Vonage API are single calls,
because the collection repeats them itself.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

# The response arrives; the response is lost and botocore repeats the call; it is lost for good; the service refuses the
# call and nothing changes; the caller abandons the call, which takes effect later; a proxy sends a page.
OK, REPEATED, LOST, REFUSED, LATE, PAGE = "ok", "repeated", "lost", "refused", "late", "page"
AWS_KINDS = (REPEATED, LOST, REFUSED, REFUSED, LATE)
API_KINDS = (LOST, REFUSED, REFUSED, LATE, PAGE)
LATE_API_KINDS = (LATE, LATE, LATE, LOST, REFUSED, PAGE)
# A run sends few requests to the API, and each is important.
API_FACTOR = 5.0
# Seconds after the time limit of the client at which an abandoned call takes effect at the latest. The lease of the
# bucket lock and the announced end of a call of the API cover that much.
LATEST_ONCE = 4.0
LATEST_AWS = 20.0
LATEST_API = 1.5


@dataclass(frozen=True)
class Profile:
    """The part that the faults of a simulation concentrate on.

    :param api_rate: the probability that a call that changes the target fails; 0 for that of the seed.
    :param late_crash: the probability that a run crashes during such a call, which takes effect later.
    :param slow: see :class:`Faults`; 0 for that of the seed.
    :param window: the seconds in which all runs start; 0 for that of the seed.
    :param clocks: whether the clocks of all machines differ by minutes.
    :param has_dates: whether listed keys have a creation date; ``None`` for the seed. A store without dates is not AWS.
    :param external: whether the keys are external.
    :param suspended: the probability that the machine of a run is suspended before it sends a call that changes the
        target, until other runs no longer wait for the call. Such a run does not fail otherwise.
    :param slow_state_file: the probability that the response to a write of the state file takes up to a minute.
    :param rotations: how many times the keys were rotated, each time with a recording in progress, before the runs.
    """

    api_rate: float = 0.0
    late_crash: float = 0.0
    slow: float = 0.0
    window: float = 0.0
    clocks: bool = False
    has_dates: bool | None = None
    rotations: int = 0
    external: bool = False
    suspended: float = 0.0
    slow_state_file: float = 0.0


PROFILES = {
    "": Profile(),
    # Calls with an unknown outcome also leave keys that the target may hold, and few free slots.
    "late_calls": Profile(api_rate=0.7, late_crash=0.3, slow=0.2, window=150.0),
    "clocks": Profile(clocks=True, slow=0.05, window=3.0),
    "no_dates": Profile(has_dates=False, window=3.0),
    "full_slots": Profile(rotations=3),
    "suspended": Profile(suspended=0.3, window=150.0),
    "slow_state_file": Profile(api_rate=0.7, late_crash=0.3, slow_state_file=0.5, window=60.0),
    "external": Profile(external=True, api_rate=0.3, late_crash=0.1),
}


@dataclass
class Faults:
    """The faults of one seed.

    :param rate: the probability that a call fails.
    :param slow: the probability that a call takes seconds.
    :param propagation: the maximum seconds until S3 knows a change of IAM.
    """

    random: random.Random
    rate: float
    slow: float
    propagation: float
    enabled: bool = True
    profile: Profile = Profile()

    def kind(self, kinds: tuple[str, ...], factor: float = 1.0) -> str:
        if not self.enabled or self.random.random() >= self.rate * factor:
            return OK
        return kinds[int(self.random.random() * len(kinds))]

    def api_kind(self, method: str) -> str:
        if method == "GET" or not self.profile.api_rate:
            return self.kind(API_KINDS, API_FACTOR)
        if not self.enabled or self.random.random() >= self.profile.api_rate:
            return OK
        return LATE_API_KINDS[int(self.random.random() * len(LATE_API_KINDS))]

    def latency(self) -> float:
        """Seconds of one direction of a call."""
        if self.random.random() < self.slow:
            return self.random.uniform(0.5, 10.0)
        return self.random.expovariate(20.0)

    def state_file_delay(self) -> float:
        """Seconds until the response to a write of the state file, in addition to the latency."""
        share = self.profile.slow_state_file
        return self.random.uniform(20.0, 50.0) if share and self.enabled and self.random.random() < share else 0.0

    def suspension(self) -> float:
        """Seconds for which a machine is suspended; the token of the call is still valid after that."""
        share = self.profile.suspended
        return self.random.uniform(100.0, 150.0) if share and self.enabled and self.random.random() < share else 0.0

    def propagation_delay(self) -> float:
        if not self.propagation:
            return 0.0
        return self.random.uniform(0.0, self.propagation if self.random.random() < 0.2 else 1.0)


def draw_faults(generator: random.Random, profile: Profile, *, is_aws: bool) -> Faults:
    rate = 0.0 if profile.suspended else generator.choice((0.0, 0.0, 0.005, 0.02, 0.06))
    slow = generator.choice((0.0, 0.01, 0.05, 0.2))
    # The collection waits for 30 seconds on AWS, and for 3 seconds elsewhere.
    propagation = generator.choice((0.0, 2.0, 12.0)) if is_aws else 0.0
    return Faults(generator, rate, profile.slow or slow, propagation, profile=profile)
