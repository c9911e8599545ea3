# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the files that are derived from the list of variables of the role archive_storage, or check these files.

The list is plugins/module_utils/_archive_storage/variables.py. The defaults of the role and the table in its README,
with descriptions from the argument specs, are derived from it. Argument specs and surveys are only checked.

usage: python -m tools.role_variables [--check]
"""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tools.paths import ROOT

LIST = ROOT / "plugins" / "module_utils" / "_archive_storage" / "variables.py"
ROLE = ROOT / "roles" / "archive_storage"
SPECS, DEFAULTS, README = ROLE / "meta" / "argument_specs.yml", ROLE / "defaults" / "main.yml", ROLE / "README.md"
SURVEYS = ROOT / "extensions" / "awx" / "surveys"
BEGIN, END = "<!-- variables: begin -->\n", "<!-- variables: end -->\n"
TYPES = {
    "text": "str",
    "choice": "str",
    "boolean": "bool",
    "duration": "duration",
    "days": "days",
    "names": "list",
    "list": "list",
    "dict": "dict",
}
# Types that accept every string: Ansible prints a rejected value, which can be a secret, and AWX sends empty strings.
SPEC_TYPES = {"text": "str", "choice": "str", "names": "list", "list": "list"}
SPEC_ELEMENTS = {"names": "str", "list": "raw"}
PATHS = ("aws_ca_bundle",)
DEFAULTS_HEAD = """---
# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Written by "make variables". meta/argument_specs.yml describes the variables and their defaults. An empty string means
# "not set": the role applies the defaults itself, and so knows which variables you set. AWX sends an empty string for
# every input that was left empty.
"""


def load_list() -> Any:
    """Return the module with the list."""
    spec = importlib.util.spec_from_file_location("role_variables_list", LIST)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{LIST} cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    # Dataclasses search for their module in sys.modules.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def format_defaults(sections: dict[str, Any]) -> str:
    """Return defaults/main.yml."""
    parts = [
        f"\n# {title}\n" + "".join(f'{variable.full_name}: ""\n' for variable in variables)
        for title, variables in sections.items()
    ]
    return DEFAULTS_HEAD + "".join(parts)


def format_table(sections: dict[str, Any], options: dict[str, Any]) -> str:
    """Return the table for the README."""
    lines = ["| Variable | Type | Default | Description |", "| --- | --- | --- | --- |"]
    for title, variables in sections.items():
        lines.append(f"| **{title}** | | | |")
        for variable in variables:
            cells = (
                f"`{variable.full_name}`",
                TYPES[variable.kind],
                _format_default(variable),
                _describe(variable, options),
            )
            lines.append(f"| {' | '.join(cells)} |".replace("|  |", "| |"))
    return "\n".join(lines) + "\n"


def _format_default(variable: Any) -> str:
    if variable.default is None:
        return ""
    return f"`{str(variable.default).lower() if isinstance(variable.default, bool) else variable.default}`"


def _describe(variable: Any, options: dict[str, Any]) -> str:
    """Return the first sentence of the description."""
    text = str(options.get(variable.full_name, {}).get("description", [""])[0])
    sentence = re.match(r"(?:[^.(]|\([^)]*\)|\.(?! |$))*\.?", text)
    plain = re.sub(r"\b[VOCE]\(([^)]*)\)", r"`\1`", sentence.group() if sentence else text)
    return plain.replace("|", "\\|")


def replace_table(readme: str, table: str) -> str:
    """Return the README with this table between the markers."""
    before, begin, rest = readme.partition(BEGIN)
    _old, end, after = rest.partition(END)
    if not (begin and end):
        raise SystemExit(f"{README.relative_to(ROOT)}: the markers of the table are missing")
    return f"{before}{begin}\n{table}\n{end}{after}"


def spec_problems(variables: dict[str, Any], specs: dict[str, Any]) -> Iterator[str]:
    """Yield the differences between the argument specs and the list. Only main describes the variables."""
    path = SPECS.relative_to(ROOT)
    by_name = {variable.full_name: variable for variable in variables.values()}
    options = specs["main"]["options"]
    for name in sorted(by_name.keys() - options.keys()):
        yield f"{path}: main lacks {name}"
    for name in sorted(options.keys() - by_name.keys()):
        yield f"{path}: main has {name}, which is not a variable of the role"
    for name in sorted(options.keys() & by_name.keys()):
        yield from (f"{path}: main: {name}: {text}" for text in _option_problems(by_name[name], options[name]))
    for entry, spec in specs.items():
        repeated = by_name.keys() & spec["options"].keys() if entry != "main" else ()
        yield from (f"{path}: {entry} repeats {name} of main" for name in sorted(repeated))


def index_problems(sections: dict[str, Any], specs: dict[str, Any]) -> Iterator[str]:
    """Yield the sections that the description of main does not list: ansible-doc sorts variables by name."""
    for title, variables in sections.items():
        item = f"{title}: {', '.join(f'C({variable.name})' for variable in variables)}."
        if item not in specs["main"]["description"]:
            yield f"{SPECS.relative_to(ROOT)}: the description of main lacks the item: {item}"


def _option_problems(variable: Any, option: dict[str, Any]) -> Iterator[str]:
    expected = {
        "type": "path" if variable.name in PATHS else SPEC_TYPES.get(variable.kind, "raw"),
        "elements": SPEC_ELEMENTS.get(variable.kind),
        "required": None,
        "choices": None,
        "default": variable.default,
        "no_log": True if variable.secret else None,
    }
    for name, value in expected.items():
        if option.get(name) != value:
            yield f"{name} is {option.get(name)!r}, must be {value!r}"
    text = " ".join(option.get("description", []))
    for choice in variable.choices:
        if f"V({choice})" not in text:
            yield f"the description lacks V({choice})"


def survey_problems(variables: dict[str, Any], surveys: dict[Path, Any]) -> Iterator[str]:
    """Yield questions whose variable does not exist, and choices that are not valid."""
    by_name = {variable.full_name: variable for variable in variables.values()}
    for path, survey in surveys.items():
        for question in survey["spec"]:
            name = question["variable"]
            variable = by_name.get(name)
            if variable is None:
                if name.startswith("archive_storage_"):
                    yield f"{path}: {name} is not a variable of the role"
                continue
            invalid = set(question.get("choices") or ()) - set(variable.choices)
            if variable.kind == "choice" and invalid:
                yield f"{path}: {name}: invalid choices {', '.join(sorted(invalid))}, use {', '.join(variable.choices)}"
            if variable.secret and question["type"] != "password":
                yield f"{path}: {name} is a secret, so its type must be password"


def read_surveys() -> dict[Path, Any]:
    """Read all surveys, by path."""
    return {path.relative_to(ROOT): yaml.safe_load(path.read_text()) for path in sorted(SURVEYS.glob("*.yml"))}


def problems() -> list[str]:
    """Return one line for each difference."""
    module = load_list()
    specs = yaml.safe_load(SPECS.read_text())["argument_specs"]
    stale = [path for path, text in generate(module, specs).items() if path.read_text() != text]
    return [
        *(f"{path.relative_to(ROOT)}: not up to date, run `make variables`" for path in stale),
        *spec_problems(module.VARIABLES, specs),
        *index_problems(module.SECTIONS, specs),
        *survey_problems(module.VARIABLES, read_surveys()),
    ]


def generate(module: Any, specs: dict[str, Any]) -> dict[Path, str]:
    """Return the content of the derived files."""
    table = format_table(module.SECTIONS, specs["main"]["options"])
    return {DEFAULTS: format_defaults(module.SECTIONS), README: replace_table(README.read_text(), table)}


def main(arguments: list[str]) -> int:
    """Write the files, or print every difference."""
    if arguments not in ([], ["--check"]):
        sys.stderr.write(f"{__doc__}\n")
        return 2
    if arguments:
        lines = problems()
        sys.stdout.writelines(f"{line}\n" for line in lines)
        return 1 if lines else 0
    specs = yaml.safe_load(SPECS.read_text())["argument_specs"]
    for path, text in generate(load_list(), specs).items():
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
