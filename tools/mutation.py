# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mutation tests: change one expression of a module, and check that a unit test of this module fails.

Each mutant runs in a fork of this process, which has imported the libraries already. The import system of the fork
compiles the changed code: no file is changed. The results are in build/mutation/results.json.
tools/mutation_equivalent.yml lists mutants without an effect.

usage: python -m tools.mutation [--seed N] [--count N] [--modules NAME,...] [--survivors]
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import importlib.machinery
import itertools
import json
import os
import select
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType
from typing import Any, Protocol, TypeVar

import yaml

from tools.paths import BUILD, ROOT

SOURCES = Path("plugins", "module_utils")
TESTS = Path("tests", "unit", "plugins", "module_utils")
PACKAGE = "ansible_collections.vonage.archiving.plugins.module_utils"
FOLDER = BUILD / "mutation"
RESULTS = FOLDER / "results.json"
EQUIVALENT = ROOT / "tools" / "mutation_equivalent.yml"
# The test files of each module, as patterns. A pattern without a folder is for the package of the module.
MODULES: dict[str, tuple[str, ...]] = {
    "_upload_target/plan": ("test_upload_target_plan*.py",),
    "_upload_target/rotation": ("test_upload_target_rotation*.py",),
    "_upload_target/journal": ("test_upload_target_journal*.py",),
    "_upload_target/announced_call": ("test_upload_target_announced_call*.py",),
    "_upload_target/previous_target": ("test_upload_target_previous_target*.py",),
    "_state_file/state": ("test_state_file_state*.py",),
    "_state_file/store": ("test_state_file_*.py",),
    "_state_file/bucket_object": ("test_state_file_bucket_object*.py",),
    "_state_file/local_file": ("test_state_file_local_file*.py",),
    "_aws/bucket_lock": ("test_bucket_lock*.py", "test_lease*.py"),
    "_aws/lease": ("test_bucket_lock*.py", "test_lease*.py"),
    "_aws/conditional_object": ("test_conditional_object*.py", "_state_file/test_state_file_bucket_object*.py"),
    "_aws/policy_document": ("test_policy_document*.py",),
    "_bucket/plan": ("test_bucket_plan*.py", "test_shared_bucket*.py"),
    "_bucket/facets/policy": ("test_facets*.py", "test_shared_bucket*.py", "test_bucket_plan*.py", "test_policy*.py"),
    "_uploader/plan": (
        "test_uploader_policy_documents*.py",
        "test_uploader_plan*.py",
        "test_uploader_user*.py",
        "test_uploader_params*.py",
    ),
    "_uploader/policy": ("test_uploader_policy*.py",),
    "_archive_audit/plan": ("test_audit_plan.py", "test_audit_result.py"),
    "_core/redaction": ("test_redaction*.py",),
    "_core/secrets": ("test_secrets*.py",),
    "_core/misplaced_secrets": ("test_misplaced_secrets*.py", "test_core_validation*.py"),
}
# Libraries that take long to import, and that the tests do not replace.
WARM = (
    "ansible",
    "botocore",
    "boto3",
    "hypothesis",
    "jinja2",
    "jwt",
    "pytest",
    "_pytest",
    "requests",
    "urllib3",
    "yaml",
)
# Seconds for a mutant, at least; a loaded machine must not count as an endless loop.
MIN_TIMEOUT = 30.0
KILLED, SURVIVED, TIMEOUT, EQUIVALENT_STATUS = "killed", "survived", "timeout", "equivalent"
PYTEST = (
    "-x",
    "-q",
    "--no-header",
    "--no-summary",
    "-p",
    "no:randomly",
    "-p",
    "no:xdist",
    "--hypothesis-profile=mutation",
)


class Identified(Protocol):
    """A mutant, as far as the selection needs it."""

    @property
    def id(self) -> str: ...

    @property
    def code(self) -> str: ...


M = TypeVar("M", bound=Identified)


def select_mutants(mutants: Iterable[M], seed: int, count: int) -> list[M]:
    """Select mutants by the hash of seed and ID: a change of one line replaces only the mutants of this line.

    Mutants that do not compile are skipped.
    """
    ordered = sorted(mutants, key=lambda mutant: hashlib.sha256(f"{seed}:{mutant.id}".encode()).digest())
    return list(itertools.islice((mutant for mutant in ordered if mutant.code), count))


def find_tests(module: str, root: Path = ROOT) -> list[Path]:
    """Find the test files of a module."""
    package = module.partition("/")[0]
    patterns = [pattern if "/" in pattern else f"{package}/{pattern}" for pattern in MODULES[module]]
    return list(dict.fromkeys(path for pattern in patterns for path in sorted((root / TESTS).glob(pattern))))


def find_modules(names: Sequence[str]) -> list[str]:
    """Find modules by path or last part of it; all without names.

    :raises SystemExit: a name is unknown.
    """
    unknown = [name for name in names if not any(_has_name(module, name) for module in MODULES)]
    if unknown:
        raise SystemExit(f"--modules: unknown: {', '.join(unknown)}. Use some of: {', '.join(MODULES)}.")
    return [module for module in MODULES if not names or any(_has_name(module, name) for name in names)]


def _has_name(module: str, name: str) -> bool:
    return f"/{module}".endswith(f"/{name}")


def equivalent_reasons(text: str) -> dict[tuple[str, str, str], str]:
    """Parse the list of equivalent mutants: the reasons by module, line, and mutation."""
    entries = yaml.safe_load(text) or []
    return {(entry["module"], entry["line"], entry["mutation"]): entry["reason"] for entry in entries}


class _MutantLoader(SourceFileLoader):
    """Compiles other code than that of the file."""

    code = ""

    def get_code(self, fullname: str) -> CodeType:
        return compile(self.code, self.path, "exec", dont_inherit=True)


class _MutantFinder:
    """Finds one module with changed code."""

    def __init__(self, name: str, code: str) -> None:
        self.name, self.code = name, code

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: Any = None) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path) if name == self.name else None
        if spec and spec.origin:
            loader = _MutantLoader(name, spec.origin)
            loader.code = self.code
            spec.loader = loader
        return spec


class _FirstFailure:
    """Remembers the test that failed first."""

    test = ""

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.failed and not self.test:
            self.test = report.nodeid.rpartition("/")[2]


def _run_pytest(module: str, code: str, files: Sequence[Path], pipe: int) -> None:
    """Run the tests in this process, a fork, and write the result to the pipe. Does not return."""
    os.setpgid(0, 0)
    log = os.open(FOLDER / "tests.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(log, 1)
    os.dup2(log, 2)
    import hypothesis
    import pytest

    phases = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
    hypothesis.settings.register_profile(
        "mutation",
        deadline=None,
        derandomize=True,
        database=None,
        max_examples=50,
        phases=phases,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    if code:
        name = f"{PACKAGE}.{module.replace('/', '.')}"
        sys.meta_path.insert(0, _MutantFinder(name, code))
    failure = _FirstFailure()
    options = [*PYTEST, f"--rootdir={ROOT}", "-o", f"cache_dir={FOLDER / 'pytest'}"]
    status = int(pytest.main([*options, *map(str, files)], plugins=[failure]))
    modules = [name for name in sys.modules if name.partition(".")[0] in WARM]
    with os.fdopen(pipe, "w") as stream:
        json.dump({"status": status, "test": failure.test, "modules": modules}, stream)
    os._exit(0)


def run_tests(module: str, code: str, files: Sequence[Path], seconds: float) -> dict[str, Any] | None:
    """Run the tests of a module in a fork.

    :param code: of the module; empty for the code of the file.
    :returns: ``None`` if they exceed the time limit.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            _run_pytest(module, code, files, writer)
        finally:
            os._exit(1)
    os.close(writer)
    chunks, deadline = [b""], time.monotonic() + seconds
    is_finished = False
    while not is_finished and select.select([reader], [], [], max(deadline - time.monotonic(), 0.0))[0]:
        chunks.append(os.read(reader, 65536))
        is_finished = not chunks[-1]
    os.close(reader)
    for kill, process in ((os.killpg, child), (os.kill, child)):
        try:
            kill(process, signal.SIGKILL)
        except OSError:
            continue
    os.waitpid(child, 0)
    if not is_finished:
        return None
    # A mutant can end the process.
    result: dict[str, Any] = json.loads(b"".join(chunks) or b'{"status": 1, "test": "", "modules": []}')
    return result


def _warm_up(module: str, files: Sequence[Path]) -> float:
    """Check that the tests pass without a mutant, import their libraries, and return the time limit of a mutant."""
    for attempt in (1, 2):
        start = time.monotonic()
        result = run_tests(module, "", files, 600.0)
        if result is None or result["status"]:
            output = (FOLDER / "tests.log").read_text(errors="replace")
            raise SystemExit(f"{module}: the tests fail without a mutant:\n{output[-2000:]}")
        if attempt == 1:
            for name in result["modules"]:
                try:
                    importlib.import_module(name)
                except ImportError:
                    continue
    return max(MIN_TIMEOUT, 8 * (time.monotonic() - start))


def evaluate(mutants: Sequence[Any], reasons: dict[tuple[str, str, str], str]) -> list[dict[str, Any]]:
    """Run each mutant with the tests of its module."""
    results: list[dict[str, Any]] = []
    for module in MODULES:
        selected = sorted((mutant for mutant in mutants if mutant.module == module), key=lambda mutant: mutant.line)
        if not selected:
            continue
        files = find_tests(module)
        limit = _warm_up(module, files) if files else 0.0
        for mutant in selected:
            entry = {name: getattr(mutant, name) for name in ("id", "module", "line", "text", "mutation")}
            results.append({**entry, **_evaluate_one(mutant, files, limit, reasons)})
        RESULTS.write_text(json.dumps(results, indent=2) + "\n")
        _print_module(module, [result for result in results if result["module"] == module])
    return results


def _evaluate_one(
    mutant: Any, files: Sequence[Path], limit: float, reasons: dict[tuple[str, str, str], str]
) -> dict[str, Any]:
    reason = reasons.get((mutant.module, mutant.text, mutant.mutation))
    if reason:
        return {"status": EQUIVALENT_STATUS, "reason": reason}
    if not files:
        return {"status": SURVIVED, "test": "", "seconds": 0.0}
    start = time.monotonic()
    result = run_tests(mutant.module, mutant.code, files, limit)
    seconds = round(time.monotonic() - start, 1)
    if result is None:
        return {"status": TIMEOUT, "seconds": seconds}
    return {"status": KILLED if result["status"] else SURVIVED, "test": result["test"], "seconds": seconds}


def score(results: Iterable[dict[str, Any]]) -> str:
    """Return the score in percent of the mutants that are not equivalent, with the counts."""
    counts = Counter(result["status"] for result in results)
    killed = counts[KILLED] + counts[TIMEOUT]
    total = killed + counts[SURVIVED]
    percent = 100 * killed / total if total else 100.0
    details = f"{counts[TIMEOUT]} by time limit, {counts[SURVIVED]} survived, {counts[EQUIVALENT_STATUS]} equivalent"
    return f"{percent:.1f} % ({killed} of {total} killed, {details})"


def _print_module(module: str, results: Sequence[dict[str, Any]]) -> None:
    print(f"{module}: {score(results)}", flush=True)
    for result in results:
        if result["status"] == SURVIVED:
            print(f"  {SOURCES / module}.py:{result['line']}: {result['mutation']}", flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    from tools.mutants import create_mutants

    parser = argparse.ArgumentParser(prog="tools.mutation", description="Mutation tests")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=400, help="0 for all mutants of the modules")
    parser.add_argument("--modules", default="", help="separated by commas; the default is all")
    parser.add_argument("--survivors", action="store_true", help="only the survivors in build/mutation/results.json")
    options = parser.parse_args(arguments)
    modules = find_modules([name for name in options.modules.split(",") if name])
    created = [
        mutant
        for module in modules
        for mutant in create_mutants(module, (ROOT / SOURCES / f"{module}.py").read_text("utf-8"))
    ]
    if options.survivors:
        survivors = {entry["id"] for entry in json.loads(RESULTS.read_text()) if entry["status"] == SURVIVED}
        created = [mutant for mutant in created if mutant.id in survivors]
    mutants = select_mutants(created, options.seed, options.count or len(created))
    FOLDER.mkdir(parents=True, exist_ok=True)
    results = evaluate(mutants, equivalent_reasons(EQUIVALENT.read_text("utf-8")))
    print(f"{len(results)} of {len(created)} mutants: {score(results)}. Details: {RESULTS.relative_to(ROOT)}")
    return int(any(result["status"] == SURVIVED for result in results))


if __name__ == "__main__":
    sys.exit(main())
