# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixed seeds of the simulation, and seeds that fail if a fix is reverted."""

from __future__ import annotations

from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any

import pytest
import yaml

from .faults import PROFILES
from .mutations import MUTATIONS, reverted
from .runs import PLAYBOOKS
from .world import Simulation

KNOWN_SEEDS: list[dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("known_seeds.yml").read_text())
# About 40 seconds.
SEEDS = range(1, 31)
SEEDS_OF_PROFILES = range(1, 6)


@pytest.mark.parametrize("kinds", list(combinations_with_replacement(PLAYBOOKS, 2)), ids=",".join)
def test_pair_keeps_the_invariants(kinds: tuple[str, str]) -> None:
    for seed in SEEDS:
        result = Simulation(str(seed), kinds).run()
        assert not result.failure, f"seed {seed}: {result.failure}\n" + "\n".join(result.trace[-60:])


@pytest.mark.parametrize("known", KNOWN_SEEDS, ids=lambda known: f"{known['mutation']}-{known['seed']}")
def test_known_seed_fails_without_its_fix_only(known: dict[str, Any]) -> None:
    kinds, profile, settings = known["runs"].split(","), known.get("profile", ""), known.get("settings", {})
    simulation = Simulation(str(known["seed"]), kinds, profile, settings)
    assert not simulation.run().failure
    if known["mutation"]:
        with reverted(known["mutation"]):
            assert simulation.run().failure


def test_every_mutation_has_a_seed() -> None:
    assert {known["mutation"] for known in KNOWN_SEEDS} - {""} == set(MUTATIONS)


@pytest.mark.parametrize("profile", [name for name in PROFILES if name])
@pytest.mark.parametrize("kinds", ["rotate,rotate,configure", "recover,teardown,fleet"])
def test_profile_keeps_the_invariants(profile: str, kinds: str) -> None:
    for seed in SEEDS_OF_PROFILES:
        result = Simulation(str(seed), kinds.split(","), profile).run()
        assert not result.failure, f"seed {seed}: {result.failure}\n" + "\n".join(result.trace[-60:])


def test_the_same_seed_gives_the_same_trace() -> None:
    first, second = (Simulation("7", ("rotate", "configure", "verify")).run() for _number in range(2))
    assert first.trace == second.trace
    assert first.steps == second.steps
