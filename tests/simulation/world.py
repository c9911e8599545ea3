# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One simulation: a world, its runs, and the phases before and after them, all by one seed."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from .clients import Transport
from .clock import installed, random_hex
from .external_key import ExternalKeyInvariants, create_external_keys
from .faults import PROFILES, Faults, Profile, draw_faults
from .iam_model import BASE32, QUOTA, IamModel
from .invariants import InvariantError, Invariants
from .recordings import Recording
from .runs import BUCKET, FailedError, Playbooks, Project, Settings, parse
from .s3_model import S3Model
from .scheduler import Run, Scheduler
from .vonage_model import VonageModel, VonageProject

HOUR, DAY = 3600.0, 86400.0
# The grace period and the deletion delay of the role, and some more.
SETTLED = 43 * HOUR
MOST_STEPS = 20_000
FOREIGN = {
    "Sid": "Foreign",
    "Effect": "Allow",
    "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
    "Action": "s3:GetObject",
    "Resource": f"arn:aws:s3:::{BUCKET}/finance/*",
}


@dataclass
class Result:
    """The result of one seed.

    :param failure: the invariant that does not hold; empty if all hold.
    :param trace: the last events.
    :param outcomes: how many runs ended how, by playbook.
    """

    steps: int = 0
    failure: str = ""
    trace: list[str] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)


class World:
    """The models, the projects, and the runs of one seed."""

    def __init__(self, seed: str, profile: Profile) -> None:
        self.scheduler = scheduler = Scheduler(seed)
        self.random: random.Random = scheduler.random
        self.runs: list[Run] = []
        self.run_prefix = "first"
        # The keys of calls whose outcome the run does not know.
        self.uncertain_keys: set[str] = set()
        self.projects: dict[str, Project] = {}
        self._acting: Run | None = None
        self.invariants = ExternalKeyInvariants(self) if profile.external else Invariants(self)
        self.is_aws = self.random.random() < 0.7 and profile.has_dates is not False
        self.faults: Faults = draw_faults(self.random, profile, is_aws=self.is_aws)
        self.iam = IamModel(self._random_id, lambda: scheduler.now, scheduler.at, self.faults.propagation_delay)
        self.iam.caller = lambda: self._acting.name if self._acting else ""
        if not self.is_aws:
            self.iam.quota = self.random.choice((QUOTA, None))
            self.iam.returns_dates = self.random.random() < 0.5
            self.iam.tags_on_create = self.random.random() < 0.5
        if profile.has_dates is not None:
            self.iam.returns_dates = profile.has_dates
        self.s3 = S3Model(self._random_id, lambda: scheduler.now, self.iam, self.is_aws)
        self.vonage = VonageModel(lambda: scheduler.now, self.random.choice((5.0, 130.0, 300.0)))
        self.iam.on_change = self.s3.on_change = self.vonage.on_change = self.invariants.mark
        scheduler.check = self.invariants.check
        self.transport = Transport(self)

    def _random_id(self, length: int) -> str:
        return "".join(self.random.choices(BASE32, k=length))

    @contextmanager
    def acting(self, run: Run) -> Iterator[None]:
        """Attribute the calls inside the block to a run, also if they take effect after its end."""
        previous, self._acting = self._acting, run
        try:
            yield
        finally:
            self._acting = previous

    def add_project(self, number: int, desired: Settings, initial: Settings | None) -> Project:
        name = f"4{number}000001"
        if self.faults.profile.external:
            keys = create_external_keys(self.iam, name)
            desired = replace(desired, external_key=keys[0])
            initial = replace(initial, external_key=self.random.choice(keys)) if initial else None
        project = Project(name, random_hex(self.scheduler, 40), desired, initial)
        self.projects[project.id] = project
        self.vonage.projects[project.id] = VonageProject(project.id, project.secret)
        return project

    def add_run(self, kind: str, project: Project, settings: Settings, time: float) -> Run:
        # The runs before the simulation have other names: a key remembers the name of its creator.
        name = f"{self.run_prefix}{len(self.runs) + 1}"
        run = Run(name, kind, project.id, lambda: None)
        playbooks = Playbooks(project, settings, run.reasons.add)
        work: Callable[[], str] = getattr(playbooks, kind)
        run.work = work
        self.runs.append(run)
        self.scheduler.start(run, time)
        return run

    def complete(self, runs: Sequence[Run]) -> None:
        """Perform events until these runs have ended or crashed."""
        scheduler = self.scheduler
        first = scheduler.steps
        scheduler.run(lambda: all(run.ended for run in runs) or scheduler.steps - first > MOST_STEPS)
        if not all(run.ended for run in runs):
            raise InvariantError(f"the runs did not end within {MOST_STEPS} steps")


@dataclass
class Simulation:
    """One seed.

    :param kinds: the playbooks that run concurrently.
    :param profile: the name of a profile of faults.
    :param settings: settings of all projects, in place of the default ones.
    """

    seed: str
    kinds: Sequence[str]
    profile: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)

    def run(self) -> Result:
        # The parameters contain clients of their world.
        parse.cache_clear()
        world = World(f"{self.seed} {' '.join([*self.kinds, self.profile]).strip()}", PROFILES[self.profile])
        result = Result()
        with installed(world.scheduler, world.transport.create_client, world.transport.request):
            try:
                self._prepare(world)
                self._run_concurrently(world, result)
                self._settle(world)
            except InvariantError as exc:
                result.failure = str(exc)
            finally:
                world.scheduler.kill_all(world.runs)
        result.steps = world.scheduler.steps
        result.trace = format_trace(world)
        return result

    # The world before the runs.

    def _prepare(self, world: World) -> None:
        generator = world.random
        count = generator.choice((1, 1, 2))
        for number in range(1, count + 1):
            world.add_project(number, *self._draw_settings(world))
        world.faults.enabled = False
        bucket = world.s3.create(BUCKET)
        bucket.sub["bucket_policy"] = {"Policy": json.dumps({"Version": "2012-10-17", "Statement": [FOREIGN]})}
        profile = world.faults.profile
        for project in world.projects.values():
            for number in range(1 + profile.rotations if project.initial else 0):
                if number:
                    Recording(world, world.vonage.projects[project.id], -number).start()
                self._rotate(world, project)
        age = generator.choice((60.0, HOUR, 20 * HOUR, 50 * HOUR, 100 * DAY)) if not profile.rotations else 60.0
        world.scheduler.run(before=world.scheduler.now + age)
        world.runs.clear()
        world.run_prefix = "run"
        world.faults.enabled = True

    @staticmethod
    def _rotate(world: World, project: Project) -> None:
        assert project.initial is not None
        world.complete([_without_faults(world.add_run("rotate", project, project.initial, world.scheduler.now))])
        _require_success(world.runs[-1])

    def _draw_settings(self, world: World) -> tuple[Settings, Settings | None]:
        """The desired settings, and those of an earlier run."""
        generator = world.random
        desired = Settings(
            is_aws=world.is_aws,
            require_encryption=generator.random() < 0.3,
            public=generator.random() < 0.3,
            retention_days=generator.choice((0, 30)),
            least_privilege=generator.random() < 0.2,
            **self.settings,
        )
        choice = generator.random()
        if choice < 0.1:
            return desired, None
        if choice < 0.6:
            return desired, desired
        initial = replace(desired, public=not desired.public, sse="none", require_encryption=False)
        return desired, initial if choice < 0.8 else replace(initial, sse="s3")

    # The runs.

    def _run_concurrently(self, world: World, result: Result) -> None:
        generator, now = world.random, world.scheduler.now
        profile = world.faults.profile
        window = profile.window or generator.choice((1.0, 10.0, 60.0, 600.0, 30 * HOUR))
        projects = list(world.projects.values())
        runs = []
        for kind in self.kinds:
            project = projects[0] if generator.random() < 0.6 else generator.choice(projects)
            run = world.add_run(kind, project, project.desired, now + generator.uniform(0.0, window))
            run.offset = self._draw_offset(world)
            if generator.random() < 0.25 and not profile.suspended:
                run.crash_at, run.crash_applied = generator.randint(1, 90), generator.random() < 0.5
            run.crash_late = bool(profile.late_crash) and generator.random() < profile.late_crash
            runs.append(run)
        for number in range(generator.choice((0, 2, 6))):
            recording = Recording(world, generator.choice(list(world.vonage.projects.values())), number)
            world.scheduler.at(now + generator.uniform(-0.1, 1.5) * window, recording.start)
        world.complete(runs)
        for run in runs:
            result.outcomes[f"{run.kind}: {_outcome(run)}"] += 1

    @staticmethod
    def _draw_offset(world: World) -> float:
        generator = world.random
        if world.faults.profile.clocks:
            return generator.choice((-1.0, 1.0)) * generator.uniform(300.0, 850.0)
        choice = generator.random()
        if choice < 0.5:
            return generator.uniform(-120.0, 120.0)
        return generator.uniform(-900.0, 900.0) if choice < 0.7 else 0.0

    # After all runs.

    def _settle(self, world: World) -> None:
        """One run reaches the normal state, and the next one changes nothing.

        If the run has to rotate the key, the old keys have another grace period. The state after it is the normal one.
        """
        world.faults.enabled, world.faults.slow = False, 0.0
        for project in world.projects.values():
            for is_last in (False, True):
                world.scheduler.run(before=world.scheduler.now + SETTLED)
                run = self._configure(world, project, repairs=True)
                if "target" not in str(run.result):
                    break
                if is_last:
                    raise InvariantError(f"{run.name} rotates the key again: {run.result}")
            run = self._configure(world, project)
            if run.result != "unchanged":
                raise InvariantError(f"the last run is not without changes: {run.result}")
            world.invariants.check_normal_state(project)

    @staticmethod
    def _configure(world: World, project: Project, *, repairs: bool = False) -> Run:
        """Configure the project.

        :param repairs: whether to follow the hint of the error if every slot has a key that the target may hold.
        """
        kinds = ["configure"]
        while kinds:
            run = _without_faults(world.add_run(kinds.pop(), project, project.desired, world.scheduler.now))
            world.complete([run])
            is_full = isinstance(run.error, FailedError) and run.error.kind == "quota"
            if repairs and is_full and world.invariants.may_hold_any_key(project):
                world.scheduler.run(before=world.scheduler.now + SETTLED)
                kinds, repairs = ["configure", "teardown"], False
                continue
            _require_success(run)
        return run


def _without_faults(run: Run) -> Run:
    run.faulty = False
    return run


def _require_success(run: Run) -> None:
    if run.error is not None:
        raise InvariantError(f"{run.name} ({run.kind}) failed without a fault: {run.error}") from run.error


def _outcome(run: Run) -> str:
    if run.dead:
        return "crashed"
    if isinstance(run.error, FailedError):
        return run.error.kind
    if run.error is not None:
        return type(run.error).__name__
    return "unchanged" if run.result in ("unchanged", "as configured") else "changed"


def format_trace(world: World) -> list[str]:
    start = world.scheduler.trace[0][1] if world.scheduler.trace else 0.0
    return [f"{step:6} {time - start:10.2f} {name:6} {text}" for step, time, name, text in world.scheduler.trace]
