# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of AWX for credential types, surveys, and playbooks, from its source (24.6.1: ``awx/main/fields.py``,
``awx/api/serializers.py``, ``awx/api/views``, ``awx/main/models/mixins.py``, ``awx/main/utils/ansible.py``).

``*_problems`` are rejected by AWX. ``*_traps`` are accepted, and fail later.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any

from dateutil import rrule  # type: ignore[import-untyped]
from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

FIELD_KEYS = {
    "id",
    "label",
    "type",
    "format",
    "choices",
    "help_text",
    "multiline",
    "secret",
    "ask_at_runtime",
    "default",
}
IDENTIFIER = re.compile(r"[a-zA-Z_]+[a-zA-Z0-9_]*")
EXTRA_VARIABLE = re.compile(r"[a-zA-Z_{}]+[a-zA-Z0-9_{}]*")
STRINGS_ONLY = ("choices", "multiline", "format", "secret")
# Other fields of a launch request, and the field of the job template that permits each.
PROMPTS = {
    "credentials": "ask_credential_on_launch",
    "diff_mode": "ask_diff_mode_on_launch",
    "execution_environment": "ask_execution_environment_on_launch",
    "forks": "ask_forks_on_launch",
    "instance_groups": "ask_instance_groups_on_launch",
    "inventory": "ask_inventory_on_launch",
    "job_slice_count": "ask_job_slice_count_on_launch",
    "job_tags": "ask_tags_on_launch",
    "job_type": "ask_job_type_on_launch",
    "labels": "ask_labels_on_launch",
    "limit": "ask_limit_on_launch",
    "scm_branch": "ask_scm_branch_on_launch",
    "skip_tags": "ask_skip_tags_on_launch",
    "timeout": "ask_timeout_on_launch",
    "verbosity": "ask_verbosity_on_launch",
}
# Variables that only AWX can set.
BLOCKED = frozenset(
    (
        "VIRTUAL_ENV",
        "PATH",
        "PYTHONPATH",
        "JOB_ID",
        "INVENTORY_ID",
        "INVENTORY_SOURCE_ID",
        "INVENTORY_UPDATE_ID",
        "AD_HOC_COMMAND_ID",
        "REST_API_URL",
        "REST_API_TOKEN",
        "MAX_EVENT_RES",
        "CALLBACK_QUEUE",
        "CALLBACK_CONNECTION",
        "CACHE",
        "JOB_CALLBACK_DEBUG",
        "INVENTORY_HOSTVARS",
        "AWX_HOST",
        "PROJECT_REVISION",
        "SUPERVISOR_CONFIG_PATH",
    )
)
QUESTION_TYPES: dict[str, tuple[type, ...]] = {
    "text": (str,),
    "textarea": (str,),
    "password": (str,),
    "multiplechoice": (str,),
    "multiselect": (str,),
    "integer": (int,),
    "float": (int, float),
}
QUESTION_KEYS = {
    "type",
    "question_name",
    "question_description",
    "variable",
    "required",
    "default",
    "choices",
    "min",
    "max",
}
# AWX writes `!unsafe '*'`. ansible-core 2.19 and later resolves the text without its quotes. These texts are then a
# YAML tag without a constructor, and the job does not start.
UNREADABLE_TEXTS = ("*", "&", "!", "=", "<<")
PLAYBOOK_LINE = re.compile(r"^\s*?-?\s*?(hosts|(ansible\.builtin\.)?include|(ansible\.builtin\.)?import_playbook):")
FOLDERS_WITHOUT_PLAYBOOKS = {"roles", "tasks", "group_vars", "host_vars"}


def credential_type_problems(kind: Mapping[str, Any]) -> list[str]:
    """Return the settings of a credential type that AWX rejects or ignores."""
    problems = [
        f"the key {key} is unknown" for key in kind if key not in {"name", "description", "kind", "inputs", "injectors"}
    ]
    if kind.get("kind") not in ("cloud", "net"):
        problems.append(f"kind must be cloud or net, got {kind.get('kind')!r}")
    inputs, injectors = kind.get("inputs", {}), kind.get("injectors", {})
    problems += [f"inputs.{key} is unknown" for key in inputs if key not in {"fields", "required"}]
    fields = inputs.get("fields", [])
    problems += [problem for field in fields for problem in _field_problems(field)]
    ids = [field.get("id") for field in fields]
    problems += [f"the field {name} exists twice" for name in sorted({name for name in ids if ids.count(name) > 1})]
    problems += [
        f"required contains {name}, which is not a field" for name in inputs.get("required", []) if name not in ids
    ]
    return problems + list(_injector_problems(injectors, [name for name in ids if isinstance(name, str)]))


def _field_problems(field: Mapping[str, Any]) -> Iterator[str]:
    name = str(field.get("id"))
    for key in sorted(set(field) - FIELD_KEYS):
        yield f"the field {name} has the unknown key {key}"
    if not IDENTIFIER.fullmatch(name) or name == "tower":
        yield f"the field {name} has no valid id"
    if not isinstance(field.get("label"), str):
        yield f"the field {name} has no label"
    # AWX adds a missing type, but the code that injects credentials requires it.
    if field.get("type") not in ("string", "boolean"):
        yield f"the type of the field {name} must be string or boolean"
    if field.get("format") not in (None, "ssh_private_key", "url"):
        yield f"the field {name} has an unknown format"
    if field.get("ask_at_runtime"):
        yield f"the field {name} has ask_at_runtime, which is not allowed in custom types"
    if field.get("type") == "boolean":
        yield from (f"the boolean field {name} has {key}" for key in STRINGS_ONLY if key in field)
    choices = field.get("choices")
    if choices is not None and (not choices or len(set(choices)) < len(choices)):
        yield f"the field {name} has no choices, or duplicate ones"
    value_type = bool if field.get("type") == "boolean" else str
    if "default" in field and not isinstance(field["default"], value_type):
        yield f"the default of the field {name} has the wrong type"


def _injector_problems(injectors: Mapping[str, Any], fields: list[str]) -> Iterator[str]:
    for key in sorted(set(injectors) - {"file", "env", "extra_vars"}):
        yield f"injectors.{key} is unknown"
    files, env = injectors.get("file", {}), injectors.get("env", {})
    if "template" in files and len(files) > 1:
        yield "file.template and file.template.NAME are both set"
    for key in files:
        if key != "template" and not re.fullmatch(r"template\.[a-zA-Z_]+[a-zA-Z0-9_]*", key):
            yield f"file.{key} is unknown"
    for name, value in env.items():
        if not IDENTIFIER.fullmatch(name) or name.startswith("ANSIBLE_") or name in BLOCKED:
            yield f"env.{name} is not allowed"
        if not isinstance(value, str) or not value.isascii():
            yield f"env.{name} is not an ASCII string"
    yield from _extra_variable_problems(injectors.get("extra_vars", {}))
    tower = SimpleNamespace(filename="/runner/env/tmp" if "template" in files else _file_names(files))
    templates = [*(("file", value) for value in files.values()), *(("env", value) for value in env.values())]
    for section, template in templates:
        yield from _template_problems(section, template, {**dict.fromkeys(fields, "EXAMPLE"), "tower": tower})


def _file_names(files: Mapping[str, Any]) -> SimpleNamespace:
    return SimpleNamespace(**{key.partition(".")[2]: "/runner/env/tmp" for key in files})


def _extra_variable_problems(value: Any, path: str = "extra_vars") -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, item in value.items():
            if not EXTRA_VARIABLE.fullmatch(str(name)):
                yield f"{path}.{name} is not a valid name"
            yield from _extra_variable_problems(item, f"{path}.{name}")
    elif isinstance(value, list):
        for item in value:
            yield from _extra_variable_problems(item, path)
    elif not isinstance(value, str):
        yield f"{path} is not a string"


def _template_problems(section: str, template: Any, names: Mapping[str, Any]) -> Iterator[str]:
    if not isinstance(template, str):
        return
    try:
        ImmutableSandboxedEnvironment(undefined=StrictUndefined).from_string(template).render(**names)
    except TemplateError as exc:
        yield f"{section}: {template!r} cannot be rendered: {exc}"


def credential_type_traps(kind: Mapping[str, Any]) -> list[str]:
    """Return settings of a credential type that AWX accepts, and that have an unexpected effect."""
    fields, injectors = kind.get("inputs", {}).get("fields", []), kind.get("injectors", {})
    traps = [f"the default of {field['id']} is only used by the form" for field in fields if "default" in field]
    # AWX writes them like survey answers, and Ansible infers the type from the text.
    traps += ["extra_vars change the types of values"] if injectors.get("extra_vars") else []
    for field in fields:
        uses = [
            name for name, value in injectors.get("env", {}).items() if re.search(rf"\b{field['id']}\b", str(value))
        ]
        if field.get("multiline") and any(_renders_content(injectors["env"][name], field["id"]) for name in uses):
            traps.append(f"{field['id']} has several lines, which an environment variable cannot contain")
        in_file = any(field["id"] in str(value) for value in injectors.get("file", {}).values())
        if not uses and not in_file:
            traps.append(f"{field['id']} is not used")
    return traps


def _renders_content(template: str, field: str) -> bool:
    names = {field: "CONTENT", "tower": SimpleNamespace(filename="/runner/env/tmp")}
    return "CONTENT" in ImmutableSandboxedEnvironment().from_string(template).render(**names)


def survey_problems(survey: Mapping[str, Any]) -> list[str]:
    """Return the settings of a survey that AWX rejects."""
    problems = [f"{key} is not a string" for key in ("name", "description") if not isinstance(survey.get(key), str)]
    spec = survey.get("spec")
    if not isinstance(spec, list) or not spec:
        return [*problems, "spec is not a list, or is empty"]
    problems += [f"the key {key} is unknown" for key in sorted(set(survey) - {"name", "description", "spec"})]
    names = [question.get("variable") for question in spec]
    problems += [f"{name} has two questions" for name in sorted({str(name) for name in names if names.count(name) > 1})]
    return problems + [problem for question in spec for problem in _question_problems(question)]


def _question_problems(question: Mapping[str, Any]) -> Iterator[str]:
    name, kind = str(question.get("variable")), question.get("type")
    yield from (f"{name} has the unknown key {key}" for key in sorted(set(question) - QUESTION_KEYS))
    for key in ("type", "question_name", "variable"):
        if not isinstance(question.get(key), str) or not question[key]:
            yield f"{name} has no {key}"
    if not isinstance(question.get("required"), bool):
        yield f"required of {name} must be true or false"
    if kind not in QUESTION_TYPES:
        yield f"{name} has the unknown type {kind}"
        return
    for key in ("min", "max"):
        if question.get(key) is not None and (isinstance(question[key], bool) or not isinstance(question[key], int)):
            yield f"{key} of {name} is not an integer"
    yield from _choice_problems(name, str(kind), question)


def _choice_problems(name: str, kind: str, question: Mapping[str, Any]) -> Iterator[str]:
    default, choices = question.get("default", ""), question.get("choices")
    if default != "" and (isinstance(default, bool) or not isinstance(default, QUESTION_TYPES[kind])):
        yield f"the default of {name} has the wrong type"
        return
    if isinstance(default, str) and default.startswith("$encrypted$") and kind != "password":
        yield f"the default of {name} is encrypted, but the question is not a password"
    if kind not in ("multiplechoice", "multiselect"):
        return
    if isinstance(choices, str):
        choices = choices.splitlines()
    if not isinstance(choices, list) or not choices or not all(isinstance(choice, str) for choice in choices):
        yield f"{name} has no choices"
    elif any(part not in choices for part in (default.splitlines() if kind == "multiselect" else [default]) if part):
        yield f"the default of {name} is not one of its choices"


def survey_traps(survey: Mapping[str, Any]) -> list[str]:
    """Return settings of a survey that AWX accepts, and that have an unexpected effect."""
    traps = []
    for question in survey["spec"]:
        name, default = question["variable"], question.get("default")
        if question["required"] and default not in (None, ""):
            traps.append(f"{name} is required and has a default, which only launches in the user interface use")
        if default is None:
            traps.append(f"{name} must have a default, which can be an empty string")
        if question["type"] == "multiselect" and default:
            traps.append(f"only launches in the user interface use the default of {name}")
        if question["type"] == "password" and default:
            traps.append(f"with the default of {name}, each run reports the job template as changed")
        if not question["required"] and question["type"] in ("text", "textarea", "password") and question.get("min"):
            traps.append(f"{name} is optional, but its min rejects an empty value")
        if question["type"] in ("integer", "float"):
            traps += _number_traps(question)
        texts = [default, *(question.get("choices") or [])]
        if any(text in UNREADABLE_TEXTS for text in texts):
            traps.append(f"{name} can have a value that ansible-core 2.19 and later cannot read")
        if isinstance(question.get("choices"), str):
            traps.append(f"the default of {name} matches any part of the text of its choices")
    return traps


def _number_traps(question: Mapping[str, Any]) -> list[str]:
    name, default = question["variable"], question.get("default")
    if default in (None, ""):
        return [f"{name} is a number without a default, and AWX rejects the empty string that the form sends"]
    low, high = question.get("min"), question.get("max")
    if (low is not None and default < low) or (high is not None and default > high):
        return [f"the default of {name} is out of its range, and AWX ignores it without a message"]
    return []


def is_listed(path: str, text: str) -> bool:
    """Return whether AWX lists a file of a project as a playbook."""
    parts = path.split("/")
    hidden = any(part in FOLDERS_WITHOUT_PLAYBOOKS or part.startswith(".") for part in parts)
    return path.endswith((".yml", ".yaml")) and not hidden and any(map(PLAYBOOK_LINE.match, text.splitlines()))


def rrule_problems(text: str) -> list[str]:
    """Return the reasons for which AWX rejects the rule of a schedule."""
    problems = []
    if not re.match(r"DTSTART(;TZID=[^:]+:\d{8}T\d{6}|:\d{8}T\d{6}Z) RRULE:", text):
        problems.append("DTSTART is missing, or has no time zone")
    if "INTERVAL=" not in text:
        problems.append("INTERVAL is missing")
    if "FREQ=SECONDLY" in text or text.count("RRULE:") != 1:
        problems.append("exactly one rule is required, and its frequency must not be SECONDLY")
    try:
        rrule.rrulestr(text)
    except ValueError as error:
        problems.append(str(error))
    return problems


def launch_problems(survey: Mapping[str, Any], answers: Mapping[str, Any]) -> list[str]:
    """Return the reasons for which AWX rejects a launch with these values."""
    problems = []
    for question in survey["spec"]:
        name = question["variable"]
        if name not in answers:
            problems += [f"{name!r} value missing"] if question["required"] else []
        else:
            problems += _answer_problems(question, answers[name])
    return problems


def _answer_problems(question: Mapping[str, Any], value: Any) -> list[str]:
    name, kind = question["variable"], question["type"]
    if kind in ("integer", "float"):
        if isinstance(value, bool) or not isinstance(value, QUESTION_TYPES[kind]):
            return [f"{name} has to be a number"]
        size = value
    elif not isinstance(value, list if kind == "multiselect" else str):
        return [f"{name} has to be a string"]
    else:
        size = len(value)
    if kind == "multiplechoice":
        return [] if value in question["choices"] else [f"{name} is not one of the choices"]
    low, high = question.get("min"), question.get("max")
    problems = [f"{name} is too small (at least {low})"] if low is not None and size < low else []
    return problems + ([f"{name} is too large (at most {high})"] if high is not None and size > high else [])


def launch_variables(survey: Mapping[str, Any], answers: Mapping[str, Any]) -> dict[str, Any]:
    """Return the variables of a launch by a schedule, workflow, or the API, with the defaults of the survey."""
    defaults = {question["variable"]: question.get("default", "") for question in survey["spec"]}
    return {**defaults, **answers}


def split_launch_request(
    template: Mapping[str, Any], survey: Mapping[str, Any], request: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Split a launch request into the fields that AWX uses and those that it returns as ``ignored_fields``."""
    used = {name: value for name, value in request.items() if name in PROMPTS and template.get(PROMPTS[name])}
    ignored = {name: value for name, value in request.items() if name != "extra_vars" and name not in used}
    variables = dict(request.get("extra_vars") or {})
    questions = {question["variable"] for question in survey.get("spec", ())} if template["survey_enabled"] else set()
    if not template.get("ask_variables_on_launch"):
        rejected = {name: variables.pop(name) for name in sorted(variables) if name not in questions}
        ignored.update({"extra_vars": rejected} if rejected else {})
    return {**used, "extra_vars": variables}, ignored
