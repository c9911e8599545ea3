# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The variables of the role ``archive_storage`` in the form its tasks use. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.

Values may arrive as AWX sends them: empty strings or nothing for inputs that were left empty, numbers for ids (a survey
answer of digits becomes a number in ansible-core 2.19 and later), strings for booleans and numbers, YAML in a text area
for what is a list or a dictionary. Contradictions are found here, all of them, before anything is touched.
"""

from __future__ import annotations

import datetime
import re
import typing as t

from ansible_collections.vonage.archiving.plugins.module_utils._aws.connection import is_at_aws, is_url
from ansible_collections.vonage.archiving.plugins.module_utils._aws.facets.cors import rule_from_option, rule_problems
from ansible_collections.vonage.archiving.plugins.module_utils._aws.facets.tagging import tag_problems
from ansible_collections.vonage.archiving.plugins.module_utils._aws.names import (
    bucket_problem,
    prefix_problem,
    record_key,
)
from ansible_collections.vonage.archiving.plugins.module_utils._aws.upload_options import LONGEST_WAIT
from ansible_collections.vonage.archiving.plugins.module_utils._key_periods import (
    DELETE_AFTER,
    GRACE_PERIOD,
    period_problems,
)
from ansible_collections.vonage.archiving.plugins.module_utils._libraries import load
from ansible_collections.vonage.archiving.plugins.module_utils._values import (
    API_SECRET,
    AWS_SECRET,
    PEM,
    credentials,
    without_userinfo,
)

TRUE = frozenset({"true", "yes", "on", "1", "y", "t"})
FALSE = frozenset({"false", "no", "off", "0", "n", "f"})
CHOICES = {
    "state": ("present", "absent"),
    "uploader": ("managed", "given"),
    "sse": ("s3", "none"),
    "fallback": ("none", "opentok", "vonage"),
    "update": ("on_change", "always"),
}
DEFAULTS: dict[str, t.Any] = {
    "state": "present",
    "uploader": "managed",
    "sse": "s3",
    "fallback": "opentok",
    "update": "on_change",
    "retention_days": 0,
    "abort_incomplete_uploads_days": 7,
    "max_age": None,
    "verify_timeout": 30,
    "rotate_after": 90 * 86400,
    "grace_period": GRACE_PERIOD,
    "delete_after": DELETE_AFTER,
    "revoke_old_keys": False,
    "drain_timeout": 30,
    "rotate": False,
    "uploader_list_all_my_buckets": False,
    "public": False,
    "require_tls": None,
    "require_encryption": False,
    "validate_certs": True,
    "verify": True,
    "expect_least_privilege": False,
    "delete_bucket": False,
    "has_secret": False,
    "looking": False,
}
PERIODS = ("rotate_after", "grace_period", "delete_after")
NUMBERS = (
    "retention_days",
    "abort_incomplete_uploads_days",
    "max_age",
    "verify_timeout",
    *PERIODS,
    "drain_timeout",
)
BOOLEANS = (
    "public",
    "require_tls",
    "require_encryption",
    "validate_certs",
    "verify",
    "expect_least_privilege",
    "delete_bucket",
    "rotate",
    "revoke_old_keys",
    "uploader_list_all_my_buckets",
    "has_secret",
    "looking",
)
TEXTS = (
    "api_key",
    "application_id",
    "bucket",
    "endpoint",
    "endpoint_url",
    "iam_endpoint_url",
    "uploader_access_key",
    "uploader_name",
    "uploader_path",
    "uploader_permissions_boundary",
    "record",
    "delete_recordings",
    "expected_bucket_owner",
)
# What a run does only if the user has said so: the values of archive_storage_allow.
CONSENTS = ("adopt_bucket", "shorter_retention")
_ACCOUNT = re.compile(r"[0-9]{12}")
URLS = ("endpoint", "endpoint_url", "iam_endpoint_url")
_PROJECT = re.compile(r"[A-Za-z0-9_-]+")
_RULE_LISTS = ("allowed_origins", "allowed_methods", "allowed_headers", "expose_headers")
_RULE_OPTIONS = (*_RULE_LISTS, "max_age_seconds", "id")


class _Reader:
    """Reads single variables and remembers what is wrong with them."""

    def __init__(self, given: t.Mapping[str, t.Any]) -> None:
        self.given = given
        self.problems: list[str] = []

    def text(self, name: str) -> str:
        value = self.given.get(name)
        return "" if value is None else str(value).strip()

    def complain(self, name: str, what: str) -> None:
        self.problems.append(f"archive_storage_{name} {what}")

    def choice(self, name: str) -> str:
        value = self.text(name) or str(DEFAULTS[name])
        if value not in CHOICES[name]:
            self.complain(name, f"is {value!r}, not one of {', '.join(CHOICES[name])}")
        return value

    def boolean(self, name: str) -> t.Any:
        value = self.text(name).lower()
        if value and value not in TRUE | FALSE:
            self.complain(name, f"is {value!r}, neither true nor false")
        return value in TRUE if value else DEFAULTS[name]

    def number(self, name: str) -> t.Any:
        value = self.text(name)
        if value and not (value.isascii() and value.isdigit()):
            self.complain(name, f"is {value!r}, not a whole number")
            return DEFAULTS[name]
        return int(value) if value else DEFAULTS[name]

    def structure(self, name: str, kind: type) -> t.Any:
        """A list or dictionary, also written as YAML or JSON; ``None`` if it is not given."""
        value = self.given.get(name)
        if isinstance(value, str):
            value = self._parsed(name, value)
        if value is not None and not isinstance(value, kind):
            self.complain(name, f"is no {'list' if kind is list else 'dictionary'}")
            return None
        return value

    def _parsed(self, name: str, text: str) -> t.Any:
        try:
            return load("yaml").load(text, Loader=_plain_loader())
        except (load("yaml").YAMLError, ValueError):  # the latter for a tag such as !!int before what is none
            self.complain(name, "is a string that is no YAML")
            return None

    def names(self, name: str) -> list[str]:
        """A list of names, also written with commas or one on a line."""
        value = self.given.get(name)
        if isinstance(value, str):
            value = [part for part in re.split(r"[,\n]", value) if part.strip()]
        if value is None or (isinstance(value, (int, float, datetime.date)) and not isinstance(value, bool)):
            value = [] if value is None else [value]
        if not isinstance(value, (list, tuple)):
            self.complain(name, "is no list")
            return []
        return [str(item).strip() for item in value]


def _plain_loader() -> t.Any:
    """YAML whose scalars are the texts that somebody wrote, or nothing: the cost centre 0123 is no octal number, the
    tag "on" no boolean.
    """
    yaml = load("yaml")
    loader: t.Any = type("PlainLoader", (yaml.SafeLoader,), {"yaml_implicit_resolvers": {}})
    loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""])
    return loader


def settings(given: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Everything the tasks need but the secrets, and ``problems``.

    :param given: the role's variables without their prefix ``archive_storage_``; of secrets only whether they are
        there (``has_secret``). ``looking`` is for a run that changes nothing.
    """
    read = _Reader(given)
    found: dict[str, t.Any] = {name: read.choice(name) for name in CHOICES}
    found.update({name: read.boolean(name) for name in BOOLEANS})
    found.update({name: read.number(name) for name in NUMBERS})
    found.update({name: read.text(name) for name in TEXTS})
    found["cors_rules"] = read.structure("cors_rules", list)
    found["tags"] = read.structure("tags", dict)
    found["uploader_tags"] = read.structure("uploader_tags", dict)
    found["folders"] = read.names("folders")
    found["allow"] = read.names("allow")
    _hide_secrets(found, read)
    # As vonage_archive_storage reads it: recordings and records have the name of the project in theirs.
    found["application_id"] = found["application_id"].lower()
    found["project"] = found["api_key"] or found["application_id"]
    found["endpoint_url"] = found["endpoint_url"] or found["endpoint"]
    _derive(found)
    found["problems"] = read.problems + _contradictions(found)
    return found


def _hide_secrets(found: dict[str, t.Any], read: _Reader) -> None:
    """Ids and addresses may be shown, and facts are at high verbosity: a secret in their place goes."""
    forms: dict[str, tuple[t.Callable[[str], t.Any], str, str]] = {
        "uploader_access_key": (AWS_SECRET.fullmatch, "the form of a secret key", "uploader_secret_key"),
        "api_key": (API_SECRET.search, "an API secret in it, or has the form of one", "api_secret"),
        "application_id": (lambda text: PEM in text, "the form of a private key", "private_key"),
    }
    for name, (is_secret, what, other) in forms.items():
        if is_secret(found[name]):
            found[name] = "hidden"
            read.complain(name, f"has {what}: it and archive_storage_{other} look swapped")
    for name in (*URLS, "record"):
        # A record may be a file, and has a path of which @ may be a part.
        if credentials(found[name]) if name == "record" else "@" in found[name]:
            found[name] = without_userinfo(found[name])
            read.complain(name, f"{found[name]!r} holds credentials: give them in the variables that are for them")


def _derive(found: dict[str, t.Any]) -> None:
    project = found["project"]
    https = all(not found[name].startswith("http://") for name in ("endpoint", "endpoint_url"))
    found["https"] = https
    found["require_tls"] = https if found["require_tls"] is None else found["require_tls"]
    found["prefix"] = f"{project}/"
    found["lifecycle"] = _lifecycle(found)
    found["public_prefixes"] = [project] if found["public"] else []
    found["record"] = _record(found)
    found["managed"] = found["uploader"] == "managed"
    found["rotate"] = found["rotate"] or found["update"] == "always"
    found["uploader_name"] = found["uploader_name"] or f"vonage-archiving-{project}"
    found.update(_probe(found["cors_rules"] or []))


def _record(found: t.Mapping[str, t.Any]) -> str:
    record, bucket = str(found["record"]), found["bucket"]
    if not record and bucket:
        # Containers that run jobs are thrown away: the record lives in the bucket, where only the operator reads.
        record = f"s3://{bucket}/{record_key(found['project'])}"
    return "" if record == "none" else record


def _lifecycle(found: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Of the project's recordings only: the record below its own prefix must not expire."""
    days = {
        "expire_days": found["retention_days"],
        "abort_incomplete_uploads_days": found["abort_incomplete_uploads_days"],
    }
    return {"prefix": found["prefix"], **days} if any(days.values()) else {}


def _probe(rules: list[t.Any]) -> dict[str, str]:
    """An origin and a method to try the CORS rules with: the first of each, with a word where there is a star."""
    rule = rules[0] if rules and isinstance(rules[0], dict) else {}
    origin, method = ((_items(rule.get(name)) or [""])[0] for name in ("allowed_origins", "allowed_methods"))
    origin = "https://www.example.com" if origin == "*" else origin.replace("*", "www")
    return {"cors_origin": origin, "cors_method": method if origin else ""}


def _contradictions(found: t.Mapping[str, t.Any]) -> list[str]:
    project, bucket = found["project"], found["bucket"]
    present = found["state"] == "present"
    checks = {
        "archive_storage_api_key (or archive_storage_application_id) is not given": not project,
        "archive_storage_api_key and archive_storage_application_id exclude each other": bool(
            found["api_key"] and found["application_id"]
        ),
        f"the project id {project!r} has characters that no id has": bool(project) and not _PROJECT.fullmatch(project),
        "archive_storage_bucket is not given": not bucket and (present or found["delete_bucket"]),
        **_uploader_contradictions(found, present),
        "archive_storage_state is absent: there is nothing to verify": found["looking"] and not present,
        "archive_storage_require_encryption would refuse every recording: archive_storage_sse is not s3": (
            found["require_encryption"] and found["sse"] != "s3"
        ),
        "archive_storage_require_tls would refuse every recording: an endpoint is not https": (
            present and found["require_tls"] and not found["https"]
        ),
        f"archive_storage_endpoint is not given, so that Vonage would upload to AWS, and the operator's store is "
        f"{found['endpoint_url']} (archive_storage_endpoint_url, or AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL of the "
        "environment): say how Vonage reaches it": (
            present and not found["endpoint"] and is_url(found["endpoint_url"]) and not is_at_aws(found["endpoint_url"])
        ),
        "archive_storage_public would let everybody read the record (archive_storage_record)": (
            found["public"] and found["record"].startswith(f"s3://{bucket}/{project}/")
        ),
        "archive_storage_delete_bucket deletes every recording in the bucket: say it twice, by "
        "archive_storage_delete_recordings with the name of the bucket": (
            found["delete_bucket"] and found["delete_recordings"] != bucket
        ),
        "archive_storage_delete_bucket belongs to archive_storage_state=absent": present and found["delete_bucket"],
    }
    problems = [text for text, wrong in checks.items() if wrong]
    problems += [
        f"archive_storage_{name} {found[name]!r} does not start with http:// or https://"
        for name in URLS
        if found[name] and not re.match(r"https?://[^/]", found[name])
        # Where it was taken over, it has been told already.
        if name != "endpoint_url" or found[name] != found["endpoint"]
    ]
    if present and found["managed"]:
        rotate_after, grace_period, delete_after = (found[name] for name in PERIODS)
        problems += period_problems(rotate_after, grace_period, delete_after, prefix="archive_storage_")
    return problems + _consent_problems(found) + _bucket_problems(found)


def _consent_problems(found: t.Mapping[str, t.Any]) -> list[str]:
    unknown = [name for name in found["allow"] if name not in CONSENTS]
    problems = [f"archive_storage_allow: {name!r} is not one of {', '.join(CONSENTS)}" for name in unknown]
    if found["verify_timeout"] > LONGEST_WAIT:
        problems.append(
            f"archive_storage_verify_timeout: at most {LONGEST_WAIT} seconds are allowed, got {found['verify_timeout']}"
        )
    owner = found["expected_bucket_owner"]
    if owner and not _ACCOUNT.fullmatch(owner):
        problems.append(f"archive_storage_expected_bucket_owner: must be an account id of 12 digits, got {owner!r}")
    return problems


def _uploader_contradictions(found: t.Mapping[str, t.Any], present: bool) -> dict[str, bool]:
    managed = found["managed"]
    key_given = bool(found["uploader_access_key"]) or found["has_secret"]
    return {
        "archive_storage_uploader_access_key and archive_storage_uploader_secret_key are given, and "
        "archive_storage_uploader is managed, which makes keys of its own: leave them out, or set "
        "archive_storage_uploader to given": present and managed and key_given,
        "archive_storage_record is none: a managed uploader needs a record, which says what key the target holds": (
            present and managed and bool(found["bucket"]) and not found["record"]
        ),
        "archive_storage_max_age is for a key that is given: set archive_storage_rotate_after": (
            present and managed and found["max_age"] is not None
        ),
        "archive_storage_rotate: a key that is given cannot be rotated here: set archive_storage_uploader to managed": (
            present and not managed and found["rotate"] and found["update"] != "always"
        ),
        "archive_storage_revoke_old_keys: the collection does not manage the key of archive_storage_uploader=given; "
        "deactivate it yourself": not managed and found["revoke_old_keys"],
        "archive_storage_uploader is given, and archive_storage_uploader_access_key is not": (
            present and not managed and not found["uploader_access_key"]
        ),
        "archive_storage_uploader_secret_key is not given: without it no upload can be tried": (
            present and not managed and found["looking"] and not found["has_secret"]
        ),
    }


def _bucket_problems(found: t.Mapping[str, t.Any]) -> list[str]:
    """What the bucket's module would refuse; by then the record would have been asked for already."""
    used = found["bucket"] and (found["state"] == "present" or found["delete_bucket"])
    problems = [bucket_problem(found["bucket"]) if used else None]
    problems += [f"archive_storage_tags: {why}" for why in tag_problems(found["tags"] or {})]
    problems += [f"archive_storage_folders: {why}" for why in map(prefix_problem, found["folders"]) if why]
    return [why for why in problems if why] + _cors_problems(found["cors_rules"] or [])


def _cors_problems(rules: list[t.Any]) -> list[str]:
    shapeless = [at for at, rule in enumerate(rules) if not isinstance(rule, dict)]
    if shapeless:
        return [f"archive_storage_cors_rules[{at}] is no dictionary" for at in shapeless]
    foreign = [
        f"archive_storage_cors_rules[{at}] has {name!r}, not one of {', '.join(_RULE_OPTIONS)}"
        for at, rule in enumerate(rules)
        for name in rule
        if name not in _RULE_OPTIONS
    ]
    if foreign:
        return foreign
    # Of numbers the module's own argument spec takes care.
    read = [{name: _items(rule.get(name)) for name in _RULE_LISTS} for rule in rules]
    return [f"archive_storage_{why}" for why in rule_problems([rule_from_option(rule) for rule in read])]


def _items(value: t.Any) -> list[str]:
    """As Ansible reads an option that is a list."""
    items = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else []
    return [str(item) for item in items]
