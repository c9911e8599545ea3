# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Examples of the README and the guides can be parsed, playbooks are valid, and every name in them exists."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
ROLES = ("archive_storage", "interactive_broadcast")
ROLE_READMES = [ROOT / "roles" / role / "README.md" for role in ROLES]
DOCUMENTS = [ROOT / "README.md", *ROLE_READMES, *sorted((ROOT / "docs").rglob("*.rst"))]
DIAGRAMS = sorted((ROOT / "docs").rglob("*.svg"))
SCREENSHOTS = sorted((ROOT / "docs").rglob("*.png"))
SVG = "http://www.w3.org/2000/svg"
FENCED = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)
DIRECTIVE = re.compile(r"^\.\. code-block:: (\w+)\n\n((?:(?: {4}.*)?\n)+)", re.M)
ROLE_RESULTS = {"archive_storage_recovery", *(f"{role}_result" for role in ROLES)}
# Variables of the playbooks: their hosts, and the summary for a workflow.
PLAYBOOK_VARIABLES = {f"{role}_{name}" for role in ROLES for name in ("hosts", "summary")}
# Plugins whose names start with the name of a role.
PLUGINS = {
    "interactive_broadcast_app",
    *(f"archive_storage_{name}" for name in ("policy", "project", "report", "validate")),
}


@dataclass(frozen=True)
class Block:
    """An example of a document."""

    document: str
    number: int
    language: str
    text: str

    @property
    def id(self) -> str:
        return f"{self.document}-{self.number}"

    def parsed(self) -> Any:
        return yaml.safe_load(self.text)


def blocks() -> Iterator[Block]:
    """Yield the examples of all documents."""
    for path in DOCUMENTS:
        pattern = FENCED if path.suffix == ".md" else DIRECTIVE
        for number, (language, text) in enumerate(pattern.findall(path.read_text()), 1):
            yield Block(str(path.relative_to(ROOT)), number, language, textwrap.dedent(text))


ALL = list(blocks())
YAML = [block for block in ALL if block.language == "yaml"]
JSON = [block for block in ALL if block.language == "json"]
CONSOLE = [block for block in ALL if block.language == "console"]
PLAYBOOKS = [block for block in YAML if isinstance(block.parsed(), list) and "block" not in block.parsed()[0]]


def test_blocks_cover_all_examples_of_the_documents() -> None:
    """Otherwise the other tests check nothing."""
    assert {block.language for block in ALL} == {"yaml", "json", "ini", "console", "diff", "mermaid", "text"}
    assert len(PLAYBOOKS) >= 5
    assert len(JSON) >= 6
    assert sum(path.read_text().count("code-block::") for path in DOCUMENTS) == sum(
        block.document.endswith(".rst") for block in ALL
    )
    assert sum(path.read_text().count("```") for path in DOCUMENTS) == 2 * sum(
        block.document.endswith(".md") for block in ALL
    )


@pytest.mark.parametrize("path", DIAGRAMS, ids=lambda path: path.name)
def test_diagram_has_text_alternatives(path: Path) -> None:
    """Screen readers read the title and the description of the file, or the alternative text of the page."""
    root = ElementTree.parse(path).getroot()
    for name in ("title", "desc"):
        assert (root.findtext(f"{{{SVG}}}{name}") or "").strip()
    pages = [page.read_text() for page in DOCUMENTS if f"images/{path.name}" in page.read_text()]
    assert pages
    assert all(re.search(rf"^\.\. image:: images/{path.name}\n   :alt: \S", page, re.M) for page in pages)


@pytest.mark.parametrize("path", SCREENSHOTS, ids=lambda path: path.name)
def test_screenshot_is_small_and_has_an_alternative_text(path: Path) -> None:
    assert path.read_bytes().startswith(b"\x89PNG")
    assert path.stat().st_size < 150_000
    pages = [page.read_text() for page in DOCUMENTS if f"images/{path.name}" in page.read_text()]
    assert pages
    assert all(re.search(rf"^\.\. image:: images/{path.name}\n   :alt: \S", page, re.M) for page in pages)


@pytest.mark.parametrize("block", JSON, ids=lambda block: block.id)
def test_json_example_is_valid(block: Block) -> None:
    assert json.loads(block.text)


def test_playbook_examples_pass_the_syntax_check(tmp_path: Path) -> None:
    """One run for all is faster, and its error names the file."""
    paths = []
    for block in PLAYBOOKS:
        paths.append(tmp_path / (re.sub(r"\W", "_", block.id) + ".yml"))
        paths[-1].write_text(block.text)
    tree = {"ANSIBLE_COLLECTIONS_PATH": str(ROOT / "build" / "tree"), "ANSIBLE_HOME": str(tmp_path / "home")}
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "--syntax-check", *map(str, paths)]
    run = subprocess.run(command, env={**os.environ, **tree}, capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.count("playbook: ") == len(paths)


def _role_variables() -> set[str]:
    specs = [yaml.safe_load((ROOT / "roles" / role / "meta/argument_specs.yml").read_text()) for role in ROLES]
    return {name for spec in specs for name in spec["argument_specs"]["main"]["options"]}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_role_variables_in_documents_exist(path: Path) -> None:
    names = set(re.findall(rf"\b(?:{'|'.join(ROLES)})_[a-z_]*[a-z]\b", path.read_text()))
    assert names - _role_variables() - PLUGINS - PLAYBOOK_VARIABLES <= ROLE_RESULTS


def _tasks(value: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(value, list):
        for item in value:
            yield from _tasks(item)
    elif isinstance(value, dict):
        for key, inner in value.items():
            if re.fullmatch(r"vonage\.archiving\.\w+", str(key)) and isinstance(inner, dict):
                yield key, inner
            else:
                yield from _tasks(inner)


def _options(module: str) -> dict[str, Any]:
    command = [str(Path(sys.executable).with_name("ansible-doc")), "--json", module]
    tree = {"ANSIBLE_COLLECTIONS_PATH": str(ROOT / "build" / "tree")}
    run = subprocess.run(command, env={**os.environ, **tree}, capture_output=True, text=True, timeout=120, check=True)
    options: dict[str, Any] = json.loads(run.stdout)[module]["doc"]["options"]
    return options


def _unknown_options(options: dict[str, Any], used: dict[str, Any], prefix: str) -> Iterator[str]:
    documented = dict(options)
    documented.update({alias: option for option in options.values() for alias in option.get("aliases", ())})
    for name, value in used.items():
        if name not in documented:
            yield f"{prefix}.{name}"
        elif "suboptions" in documented[name] and isinstance(value, dict):
            yield from _unknown_options(documented[name]["suboptions"], value, f"{prefix}.{name}")


def test_module_options_in_examples_exist() -> None:
    used = [(name, options) for block in YAML for name, options in _tasks(block.parsed())]
    assert len(used) >= 4
    documented = {name: _options(name) for name in sorted({name for name, _unused in used})}
    assert [problem for name, options in used for problem in _unknown_options(documented[name], options, name)] == []


def test_commands_in_examples_exist() -> None:
    lines = [line.strip()[2:] for block in CONSOLE for line in block.text.splitlines() if line.strip().startswith("$ ")]
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    playbooks = {f"vonage.archiving.{path.stem}" for path in (ROOT / "playbooks").glob("*.yml")}
    used_targets = {line.split()[1] for line in lines if line.startswith("make ")}
    runs = [line.split() for line in lines if line.startswith("ansible-playbook ")]
    # The playbook in the README, which the reader saves.
    reader_runs = [words for words in runs if words[1].endswith(".yml")]
    assert {words[1] for words in reader_runs} == {"archiving.yml"}
    runs = [words for words in runs if words not in reader_runs]
    used_playbooks = {next(word for word in words if word.startswith("vonage.archiving.")) for words in runs}
    assert used_targets
    assert used_targets <= targets
    assert used_playbooks == playbooks


def test_readme_links_are_full_urls() -> None:
    """Galaxy shows the README without the repository."""
    links = re.findall(r"\]\(([^)]+)\)", (ROOT / "README.md").read_text())
    assert links
    assert [link for link in links if not link.startswith("https://")] == []


def test_readme_headings_have_the_order_of_the_certification() -> None:
    required = ["Description", "Requirements", "Installation", "Use cases", "Testing", "Contributing", "Support"]
    required += ["Release notes", "Related information", "License"]
    headings = re.findall(r"^## (.*)$", (ROOT / "README.md").read_text(), re.M)
    assert [heading for heading in headings if heading in required] == required
