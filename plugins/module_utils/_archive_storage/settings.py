# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Parses the variables of the role ``archive_storage``. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

AWX sends empty strings for empty inputs, numbers for IDs (digits in a survey become a number in ansible-core 2.19 and
later), strings for booleans and numbers, and YAML in a text area for a list or a dictionary.
"""

from __future__ import annotations

import datetime
import re
import typing as t

from .._aws import session as aws
from .._aws.s3_naming import state_file_key
from .._core.misplaced_secrets import find_misplaced_secrets
from .._core.optional_imports import load
from .._core.problems import Problems
from .._core.values import (
    DAYS_FORMS,
    DURATION_FORMS,
    describe_value,
    first_env,
    parse_days,
    parse_duration,
    url_userinfo,
    without_userinfo,
)
from .._upload_check.params import METHODS
from .._upload_target.target import default_sse
from . import variables as spec
from .validation import URLS, find_contradictions
from .variables import BOOLEAN, CHOICE, DAYS, DICT, DURATION, LIST, MANAGED, NAMES, PREFIX, SECRETS, TEXT, VARIABLES

TRUE = frozenset({"true", "yes", "on", "1", "y", "t"})
FALSE = frozenset({"false", "no", "off", "0", "n", "f"})

Settings = dict[str, t.Any]
_SEPARATOR = re.compile(r"[,\n]")
# YAML 1.1, "Null Language-Independent Type for YAML".
_NULL = re.compile(r"(?:~|null|Null|NULL|)$")


class _Parser:
    """Parses single variables, and collects the problems. An invalid value is replaced by the default."""

    def __init__(self, variables: t.Mapping[str, t.Any]) -> None:
        self.variables = variables
        self.problems = Problems(PREFIX)

    def text(self, name: str) -> str:
        value = self.variables.get(name)
        return "" if value is None else str(value).strip()

    def choice(self, name: str) -> t.Any:
        return self._value(name, self.text(name), VARIABLES[name].choices)

    def boolean(self, name: str) -> t.Any:
        value = self._value(name, self.text(name).lower(), TRUE | FALSE, "true, false")
        return value in TRUE if isinstance(value, str) else value

    def duration(self, name: str) -> t.Any:
        return self._number(name, parse_duration, f"a duration. Use {DURATION_FORMS}")

    def days(self, name: str) -> t.Any:
        return self._number(name, parse_days, f"a number of days. Use {DAYS_FORMS}")

    def _number(self, name: str, parse: t.Callable[[str], int | None], forms: str) -> t.Any:
        value = self.text(name)
        number = parse(value)
        if value and number is None:
            self.problems.add(name, f"{describe_value(value)} is not {forms}")
        return VARIABLES[name].default if number is None else number

    def _value(self, name: str, value: str, choices: t.Collection[str], shown_choices: str = "") -> t.Any:
        if value in choices:
            return value
        if value:
            problem = f"{describe_value(value)} is not one of {shown_choices or ', '.join(choices)}"
            self.problems.add(name, problem)
        return VARIABLES[name].default

    def structure(self, name: str, kind: type) -> t.Any:
        """Return a list or dictionary, also from YAML or JSON; ``None`` if it is unset."""
        value = self.variables.get(name)
        if isinstance(value, str):
            value = self._parse_yaml(name, value)
        if value is not None and not isinstance(value, kind):
            self.problems.add(name, f"is not a {'list' if kind is list else 'dictionary'}")
            return None
        return value

    def _parse_yaml(self, name: str, text: str) -> t.Any:
        try:
            return load("yaml").load(text, Loader=_plain_loader())
        except (load("yaml").YAMLError, ValueError):  # ValueError: !!int before a word
            self.problems.add(name, "is a string that is not valid YAML")
            return None

    def names(self, name: str) -> list[str]:
        """Return a list of names, also from text with commas or one name per line."""
        value = self.variables.get(name)
        if isinstance(value, str):
            value = [part for part in _SEPARATOR.split(value) if part.strip()]
        if value is None or (isinstance(value, (int, float, datetime.date)) and not isinstance(value, bool)):
            value = [] if value is None else [value]
        if not isinstance(value, (list, tuple)):
            self.problems.add(name, "is not a list")
            return []
        names = [str(item).strip() for item in value]
        choices = VARIABLES[name].choices
        return [item for item in names if self._value(name, item, choices) is not None] if choices else names


def read_boolean(variables: t.Mapping[str, t.Any], name: str) -> bool:
    """Return a boolean variable, or its default if the value is invalid, which :func:`read_settings` reports."""
    return bool(_Parser(variables).boolean(name))


def _plain_loader() -> t.Any:
    """Return a YAML loader whose scalars are text or null: 0123 is not an octal number, "on" not a boolean."""
    yaml = load("yaml")
    loader: t.Any = type("PlainLoader", (yaml.SafeLoader,), {"yaml_implicit_resolvers": {}})
    loader.add_implicit_resolver("tag:yaml.org,2002:null", _NULL, ["~", "n", "N", ""])
    return loader


def read_settings(
    variables: t.Mapping[str, t.Any],
    environ: t.Mapping[str, str] | None = None,
    *,
    verify_only: bool = False,
) -> Settings:
    """Return the settings of a run, without secrets. ``problems`` is a list of :class:`Problem`.

    :param variables: the role's variables without their prefix ``archive_storage_``.
    :param environ: for the variables that an environment variable can replace.
    :param verify_only: whether the run changes nothing.
    """
    parser = _Parser(variables)
    settings: Settings = {name: parser.choice(name) for name in spec.of_kind(CHOICE)}
    settings.update({name: parser.boolean(name) for name in spec.of_kind(BOOLEAN)})
    settings.update({name: parser.duration(name) for name in spec.of_kind(DURATION)})
    settings.update({name: parser.days(name) for name in spec.of_kind(DAYS)})
    settings.update({name: parser.text(name) for name in spec.of_kind(TEXT)})
    settings.update({name: parser.structure(name, list) for name in spec.of_kind(LIST)})
    settings.update({name: parser.structure(name, dict) for name in spec.of_kind(DICT)})
    settings.update({name: parser.names(name) for name in spec.of_kind(NAMES)})
    _use_environment(settings, environ or {})
    _reject_misplaced_secrets(settings, parser.problems)
    # Keys of recordings and state files contain the ID, which vonage_archive_storage converts to lower case.
    settings["application_id"] = settings["application_id"].lower()
    settings["project"] = settings["api_key"] or settings["application_id"]
    settings["endpoint_url"] = settings["endpoint_url"] or settings["endpoint"]
    settings["verify_only"] = verify_only
    settings["unset"] = sorted(name for name in VARIABLES if not parser.text(name))
    settings["secrets"] = [name for name in SECRETS if parser.text(name)]
    _derive(settings)
    find_contradictions(settings, parser.problems)
    settings["problems"] = list(parser.problems)
    return settings


def fill_missing(settings: Settings) -> Settings:
    """Return settings with a project and a bucket in place of missing ones, which are problems already.

    With them, the parsers of the modules find all other problems.
    """
    reported = {problem.option for problem in settings["problems"]}
    is_bucket_missing = not settings["bucket"] and f"{PREFIX}bucket" in reported
    if settings["project"] and not is_bucket_missing:
        return settings
    project, bucket = (
        settings["project"] or "missing-project",
        "missing-bucket" if is_bucket_missing else settings["bucket"],
    )
    filled = {**settings, "project": project, "bucket": bucket, "prefix": f"{project}/"}
    if not settings["project"]:
        filled["api_key"] = project
    if "state_file" in settings["unset"]:
        filled["state_file"] = _state_file({**filled, "state_file": ""})
    return {**filled, "lifecycle": _lifecycle(filled)}


def _use_environment(settings: Settings, environ: t.Mapping[str, str]) -> None:
    """Apply the environment variables that the role reads itself.

    For the modules, the endpoint of the upload target would have precedence over the environment.
    """
    if not (settings["api_key"] or settings["application_id"]):
        settings["api_key"] = first_env(environ, "VONAGE_VIDEO_API_KEY") or ""
    if not (settings["api_key"] or settings["application_id"]):
        settings["application_id"] = first_env(environ, "VONAGE_VIDEO_APPLICATION_ID") or ""
    settings["endpoint_url"] = settings["endpoint_url"] or aws.configured_endpoint(environ, *aws.ENDPOINTS) or ""


def _reject_misplaced_secrets(settings: Settings, problems: Problems) -> None:
    """Reject and hide secrets in variables for IDs and URLs, which are shown in messages."""
    forms = {
        "uploader_access_key": ("a secret key", "uploader_secret_key"),
        "api_key": ("an API secret", "api_secret"),
        "application_id": ("a private key or an API secret", "private_key"),
    }
    for name, (form, secret) in forms.items():
        if find_misplaced_secrets(settings[name], name):
            settings[name] = "hidden"
            problems.add(name, f"contains {form}. Check whether it and {PREFIX}{secret} are swapped")
    for name in (*URLS, "state_file"):
        # A state file may be a local file, with @ in its path.
        if url_userinfo(settings[name]) if name == "state_file" else "@" in settings[name]:
            settings[name] = without_userinfo(settings[name])
            problem = f"{settings[name]!r} contains credentials. Set them in the variables for credentials"
            problems.add(name, problem)


def _derive(settings: Settings) -> None:
    project = settings["project"]
    https = all(not settings[name].startswith("http://") for name in ("endpoint", "endpoint_url"))
    settings["https"] = https
    settings["require_tls"] = https if settings["require_tls"] is None else settings["require_tls"]
    settings["sse"] = settings["sse"] or default_sse(settings["endpoint"])
    settings["prefix"] = f"{project}/"
    settings["lifecycle"] = _lifecycle(settings)
    settings["public_prefixes"] = [project] if settings["public"] else []
    settings["state_file"] = _state_file(settings)
    settings["managed"] = settings["upload_key"] == MANAGED
    settings["rotate"] = settings["rotate"] or settings["update"] == "always"
    settings["uploader_name"] = settings["uploader_name"] or f"vonage-archiving-{project}"
    settings.update(_probe(settings["cors_rules"] or []))


def _state_file(settings: Settings) -> str:
    state_file, bucket = str(settings["state_file"]), settings["bucket"]
    if not state_file and bucket:
        # Containers of AWX jobs are temporary, so the state file is in the bucket. Only the operator can read it there.
        state_file = f"s3://{bucket}/{state_file_key(settings['project'])}"
    return "" if state_file == "none" else state_file


def _lifecycle(settings: Settings) -> dict[str, t.Any]:
    """Return the lifecycle rule, for recordings only: the state file must not expire."""
    days = {
        "expire_days": settings["retention_days"],
        "abort_incomplete_uploads_days": settings["abort_incomplete_uploads_days"],
    }
    return {"prefix": settings["prefix"], **days} if any(days.values()) else {}


def _probe(rules: list[t.Any]) -> dict[str, str]:
    """Return an origin and a method to verify the CORS rules with: the first ones, without a wildcard."""
    rule = rules[0] if rules and isinstance(rules[0], dict) else {}
    origin, method = ((list_items(rule.get(name)) or [""])[0] for name in ("allowed_origins", "allowed_methods"))
    origin = "https://www.example.com" if origin == "*" else origin.replace("*", "www")
    # The bucket's parser reports another method.
    return {"cors_origin": origin, "cors_method": method if origin and method in METHODS else ""}


def list_items(value: t.Any) -> list[str]:
    """Return the items of a list option as Ansible reads it."""
    items = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else []
    return [str(item) for item in items]
