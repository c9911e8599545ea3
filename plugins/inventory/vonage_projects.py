# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The classes of Ansible that are extended here come without types.
# mypy: disable-error-code="no-untyped-call"

"""Ansible inventory: the projects of a Vonage Video account as hosts."""

from __future__ import annotations

DOCUMENTATION = r"""
name: vonage_projects
short_description: Use the projects of a Vonage Video account as hosts
version_added: 1.0.0
author:
  - Vonage Archiving Contributors (@vonage-archiving)
description:
  - Creates a host for each project of an account of the Vonage Video API (OpenTok). A play runs for all projects
    concurrently, and supports C(--limit), groups, and slices.
  - Ansible does not connect to the hosts. Every host has C(ansible_connection=local), and the Python that runs Ansible
    as its interpreter.
  - The host variables are C(vonage_project_id) (the API key), C(vonage_project_name), C(vonage_project_status),
    C(vonage_project_environment), and C(vonage_project_created).
  - Every host is in the group C(vonage_projects), and in groups by status and environment, such as
    C(vonage_status_active) and C(vonage_environment_standard).
  - The API returns the secret of every project. The plugin discards the secrets immediately. They are not in host
    variables, in the output of C(ansible-inventory), or in the cache. A task gets the secret that it needs with
    M(vonage.archiving.vonage_project_info); see the examples.
  - The name of the inventory file must end in C(vonage_projects.yml) or C(vonage_projects.yaml).
options:
  plugin:
    description: The name of this plugin.
    type: str
    required: true
    choices: [vonage.archiving.vonage_projects]
  names:
    description:
      - Patterns for project names, with the wildcards of file names (C(*), C(?), C([...])). They are case-sensitive. A
        project becomes a host if its name matches one of them. By default, all projects match.
    type: list
    elements: str
    default: []
  status:
    description:
      - Projects with one of these statuses become hosts; an empty list matches all. The API refuses requests for
        suspended projects.
    type: list
    elements: str
    choices: [ACTIVE, SUSPENDED]
    default: [ACTIVE]
  hostname:
    description:
      - The name of each host. V(id) is the API key, which never changes. V(name) is the name of the project. Characters
        other than letters, digits, dots, underscores, and hyphens are replaced by hyphens. A host has its ID instead of
        the name if the project has none, and in addition to it if another project or a group has the same name.
      - Groups of O(keyed_groups) are not compared. If a host and a group have the same name, Ansible prints a warning
        and uses the name for the host.
    type: str
    choices: [id, name]
    default: id
notes:
  - O(account_key), O(account_secret) and O(api_url) can be templates, such as a lookup, and vaulted values.
  - In AWX, set the environment variables E(VONAGE_VIDEO_ACCOUNT_KEY), E(VONAGE_VIDEO_ACCOUNT_SECRET), and
    E(VONAGE_VIDEO_ACCOUNT_API_URL) for the inventory source with a custom credential type. Empty variables count as not
    set.
  - The cache is used only for the account and the C(api_url) that it was created for.
extends_documentation_fragment:
  - vonage.archiving.account
  - ansible.builtin.constructed
  - ansible.builtin.inventory_cache
seealso:
  - module: vonage.archiving.vonage_project_info
"""

EXAMPLES = r"""
# File fleet.vonage_projects.yml. The key and secret of the account are in the environment.
plugin: vonage.archiving.vonage_projects
names: ["acme-*"]

---
# With a cache, credentials from a file, and custom groups.
plugin: vonage.archiving.vonage_projects
account_key: "1234567"
account_secret: "{{ lookup('ansible.builtin.file', '/run/secrets/vonage_account') }}"
hostname: name
status: []
cache: true
cache_plugin: ansible.builtin.jsonfile
cache_connection: /var/cache/ansible
cache_timeout: 3600
keyed_groups:
  - key: vonage_project_name.split('-') | first
    prefix: customer
groups:
  recent: vonage_project_created >= '2026-01-01'
compose:
  archive_storage_api_key: vonage_project_id
  archive_storage_bucket: "'recordings-' ~ vonage_project_id"

# A play that configures every project with its own secret:
#
# - hosts: vonage_projects
#   gather_facts: false
#   tasks:
#     - name: Get the secret of this project
#       vonage.archiving.vonage_project_info:
#         ids: ["{{ vonage_project_id }}"]
#         include_secrets: true
#       register: owned
#       no_log: true
#
#     - name: Configure the archive storage
#       ansible.builtin.include_role:
#         name: vonage.archiving.archive_storage
#       vars:
#         archive_storage_api_secret: "{{ owned.projects[0].secret }}"
#         archive_storage_api_url: "{{ owned.api_url }}"
"""

import os
import typing as t

from ansible.errors import AnsibleParserError
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable

from ansible_collections.vonage.archiving.plugins.module_utils._core.environment import secrets_in_environment
from ansible_collections.vonage.archiving.plugins.module_utils._core.errors import ArchivingError, InputError
from ansible_collections.vonage.archiving.plugins.module_utils._core.misplaced_secrets import find_misplaced_secrets
from ansible_collections.vonage.archiving.plugins.module_utils._core.problems import Problems
from ansible_collections.vonage.archiving.plugins.module_utils._core.redaction import redact
from ansible_collections.vonage.archiving.plugins.module_utils._vonage import account, projects
from ansible_collections.vonage.archiving.plugins.module_utils._vonage import inventory as hosts

try:
    from ansible.template import trust_as_template
except ImportError:
    # Before ansible-core 2.19, every text that is not marked as unsafe is a template.
    from ansible.utils.unsafe_proxy import wrap_var

    def _to_template(text: str) -> str:
        return text

    def _to_data(value: t.Any) -> t.Any:
        """The value, never evaluated as a template: users choose the names of projects."""
        return value if _is_plain(value) or not isinstance(value, str) else wrap_var(value)

    def _without_mark(text: str) -> str:
        return str.__str__(text)

else:

    def _to_template(text: str) -> str:
        return trust_as_template(text)

    def _to_data(value: t.Any) -> t.Any:
        return _without_mark(value) if _is_plain(value) else value

    def _without_mark(text: str) -> str:
        return trust_as_template(text)


def _is_plain(value: t.Any) -> bool:
    """Whether a value is a text that cannot contain a template. Such text is marked as trusted.

    ansible-inventory prints untrusted text as ``{"__ansible_unsafe": ...}``, and AWX stores it in this form (issues
    8212 of community.general and 283 of vmware.vmware).
    """
    return isinstance(value, str) and "{" not in value and "}" not in value


# The interpreter is a template, because an inventory can be used on another machine than the one that parses it.
LOCAL = {
    "ansible_connection": _to_template("local"),
    "ansible_python_interpreter": _to_template("{{ ansible_playbook_python }}"),
}
ENDINGS = ("vonage_projects.yml", "vonage_projects.yaml")
TEMPLATES = ("account_key", "account_secret", "api_url")
PLAIN = ("timeout", "retries", "total_timeout")


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):
    """Creates a host for each project."""

    NAME = "vonage.archiving.vonage_projects"

    def verify_file(self, path: str) -> bool:
        return bool(super().verify_file(path)) and path.endswith(ENDINGS)

    def parse(self, inventory: t.Any, loader: t.Any, path: str, cache: bool = True) -> None:
        super().parse(inventory, loader, path, cache)
        self._read_config_data(path)
        secrets: list[str] = []
        try:
            all_projects = self._fetch_projects(path, cache, secrets)
        except ArchivingError as exc:
            raise AnsibleParserError(
                redact(str(exc), [*secrets, *exc.secrets, *secrets_in_environment(os.environ)])
            ) from None
        selected = projects.select(all_projects, self.get_option("names") or [], self.get_option("status") or [])
        groups = self.get_option("groups") or {}
        names = hosts.host_names(selected, self.get_option("hostname") == "name", groups)
        variables = [_host_variables(project) for project in selected]
        for name, project, own_variables in zip(names, selected, variables):
            self._add_host(name, project, own_variables)
        # After all variables are set: if a host and a group have the same name, set_variable() would set the group's.
        for name, own_variables in zip(names, variables):
            self._add_to_groups(name, own_variables)

    def _fetch_projects(self, path: str, cache: bool, secrets: list[str]) -> list[projects.AccountProject]:
        """The projects, from the cache if it contains them.

        :param secrets: secrets to redact in errors are added here.
        """
        owner = self._parse_account(secrets)
        key = self.get_cache_key(path)
        has_cache = self.get_option("cache")
        if has_cache and cache:
            cached = hosts.from_cache(owner, self._cache.get(key))
            if cached is not None:
                return cached
        fetched = account.fetch_all_projects(owner)
        if has_cache:
            self._cache[key] = hosts.to_cache(owner, fetched)
        return fetched

    def _parse_account(self, secrets: list[str]) -> account.Account:
        params = {name: self.get_option(name) for name in PLAIN}
        params.update({name: self._get_text(name) for name in TEMPLATES})
        secrets.extend(filter(None, [params["account_secret"]]))
        problems = Problems()
        owner = account.parse_account(params, os.environ, problems)
        if owner is None:
            error = InputError(list(problems))
            error.secrets = find_misplaced_secrets(params)
            raise error
        secrets.append(owner.secret)
        return owner

    def _get_text(self, name: str) -> str | None:
        value = self.get_option(name)
        text = value if value is None else self.templar.template(value)
        return text if text is None else str(text)

    def _add_host(self, name: str, project: projects.AccountProject, variables: dict[str, t.Any]) -> None:
        inventory: t.Any = self.inventory
        for group in hosts.groups(project):
            inventory.add_group(group)
            inventory.add_host(name, group=group)
        for variable, value in {**LOCAL, **variables}.items():
            inventory.set_variable(name, variable, value)
        self._set_composite_vars(self.get_option("compose"), variables, name, strict=self.get_option("strict"))
        for variable in self.get_option("compose") or ():
            value = inventory.get_host(name).vars.get(variable)
            if _is_plain(value):
                inventory.set_variable(name, variable, _without_mark(value))

    def _add_to_groups(self, name: str, variables: dict[str, t.Any]) -> None:
        strict = self.get_option("strict")
        self._add_host_to_composed_groups(self.get_option("groups"), variables, name, strict=strict)
        self._add_host_to_keyed_groups(self.get_option("keyed_groups"), variables, name, strict=strict)


def _host_variables(project: projects.AccountProject) -> dict[str, t.Any]:
    return {variable: _to_data(value) for variable, value in hosts.variables(project).items()}
