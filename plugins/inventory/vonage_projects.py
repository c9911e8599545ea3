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
short_description: The projects of a Vonage Video account as hosts
version_added: 1.0.0
author:
  - Vonage Archiving Contributors (@vonage-archiving)
description:
  - Makes a host of every project of an account of the Vonage Video API (OpenTok), so that a play runs for each of them,
    side by side, with C(--limit), groups and slices.
  - Nothing is connected to. Every host has C(ansible_connection=local) and, as its interpreter, the Python that runs
    Ansible.
  - The host variables are C(vonage_project_id) (the API key), C(vonage_project_name), C(vonage_project_status),
    C(vonage_project_environment) and C(vonage_project_created).
  - Every host is in the group C(vonage_projects), and in groups by status and environment, such as
    C(vonage_status_active) and C(vonage_environment_standard).
  - The API gives the secret of every project together with it. They are dropped at once. None is in a host variable,
    in the output of C(ansible-inventory), or in the cache. A task that needs one gets it with
    M(vonage.archiving.vonage_project_info); see the examples.
  - The name of the file has to end in C(vonage_projects.yml) or C(vonage_projects.yaml).
options:
  plugin:
    description: The name of this plugin.
    type: str
    required: true
    choices: [vonage.archiving.vonage_projects]
  names:
    description:
      - Patterns for names of projects, as of file names (C(*), C(?), C([...])); upper and lower case differ. A project
        whose name matches one of them becomes a host. Without it, all.
    type: list
    elements: str
    default: []
  status:
    description:
      - Projects with one of these statuses become hosts; an empty list means all. The API refuses calls about projects
        that are suspended.
    type: list
    elements: str
    choices: [ACTIVE, SUSPENDED]
    default: [ACTIVE]
  hostname:
    description:
      - What hosts are called. V(id) is the API key, which never changes. V(name) is the project's name, with all
        characters replaced by hyphens that are not letters, digits, dots, underscores or hyphens; those without a name,
        or that share one with another project or with a group, have their id added.
      - Groups of O(keyed_groups) do not count there. Ansible warns of a host and a group with the same name, and takes
        the name for the host's.
    type: str
    choices: [id, name]
    default: id
notes:
  - O(account_key), O(account_secret) and O(api_url) can be templates, such as a lookup, and vaulted values.
  - In AWX, let a credential type of your own set the environment variables E(VONAGE_VIDEO_ACCOUNT_KEY),
    E(VONAGE_VIDEO_ACCOUNT_SECRET) and E(VONAGE_VIDEO_ACCOUNT_API_URL) for the inventory source. Empty ones count as not
    set.
  - The cache is used only for the account and the C(api_url) it was made for.
extends_documentation_fragment:
  - vonage.archiving.account
  - ansible.builtin.constructed
  - ansible.builtin.inventory_cache
seealso:
  - module: vonage.archiving.vonage_project_info
"""

EXAMPLES = r"""
# A file fleet.vonage_projects.yml. The account's key and secret come from the environment.
plugin: vonage.archiving.vonage_projects
names: ["acme-*"]

---
# With a cache, the credentials from vaulted variables, and groups of its own.
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

# A play over it, in which every project is configured with its own secret:
#
# - hosts: vonage_projects
#   gather_facts: false
#   tasks:
#     - name: Get the secret of this project alone
#       vonage.archiving.vonage_project_info:
#         ids: ["{{ vonage_project_id }}"]
#         include_secrets: true
#       register: owned
#       no_log: true
#
#     - name: Configure where its recordings go
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

from ansible_collections.vonage.archiving.plugins.module_utils._core.errors import ArchivingError, InputError
from ansible_collections.vonage.archiving.plugins.module_utils._core.module import secrets_around
from ansible_collections.vonage.archiving.plugins.module_utils._core.secrets import redact
from ansible_collections.vonage.archiving.plugins.module_utils._vonage import account, projects
from ansible_collections.vonage.archiving.plugins.module_utils._vonage import inventory as hosts

try:
    from ansible.template import trust_as_template
except ImportError:
    # Before ansible-core 2.19 every text is taken for a template, unless it is marked as unsafe.
    from ansible.utils.unsafe_proxy import wrap_var

    def _template(text: str) -> str:
        return text

    def _data(value: t.Any) -> t.Any:
        """Names of projects are what people write: never templates."""
        return value if _is_plain(value) or not isinstance(value, str) else wrap_var(value)

    def _unmarked(text: str) -> str:
        return str.__str__(text)

else:

    def _template(text: str) -> str:
        return trust_as_template(text)

    def _data(value: t.Any) -> t.Any:
        return _unmarked(value) if _is_plain(value) else value

    def _unmarked(text: str) -> str:
        return trust_as_template(text)


def _is_plain(value: t.Any) -> bool:
    """Whether a value is a text that cannot be a template.

    ansible-inventory shows any other text that is not trusted as ``{"__ansible_unsafe": ...}``, and AWX keeps it so
    (issues 8212 of community.general and 283 of vmware.vmware): these few are told that they can be trusted.
    """
    return isinstance(value, str) and "{" not in value and "}" not in value


# The interpreter is a template, so that an inventory that was read in one place can be used in another.
LOCAL = {
    "ansible_connection": _template("local"),
    "ansible_python_interpreter": _template("{{ ansible_playbook_python }}"),
}
ENDINGS = ("vonage_projects.yml", "vonage_projects.yaml")
TEMPLATES = ("account_key", "account_secret", "api_url")
PLAIN = ("timeout", "retries", "total_timeout")


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):
    """One host for each project."""

    NAME = "vonage.archiving.vonage_projects"

    def verify_file(self, path: str) -> bool:
        return bool(super().verify_file(path)) and path.endswith(ENDINGS)

    def parse(self, inventory: t.Any, loader: t.Any, path: str, cache: bool = True) -> None:
        super().parse(inventory, loader, path, cache)
        self._read_config_data(path)
        known: list[str] = []
        try:
            found = self._fetch(path, cache, known)
        except ArchivingError as exc:
            raise AnsibleParserError(redact(str(exc), [*known, *exc.secrets, *secrets_around(os.environ)])) from None
        selected = projects.select(found, self.get_option("names") or [], self.get_option("status") or [])
        groups = self.get_option("groups") or {}
        names = hosts.host_names(selected, self.get_option("hostname") == "name", groups)
        facts = [_facts(project) for project in selected]
        for name, project, variables in zip(names, selected, facts):
            self._add(name, project, variables)
        # Not before all variables are set: those of a host that is called like a group would become the group's.
        for name, variables in zip(names, facts):
            self._group(name, variables)

    def _fetch(self, path: str, cache: bool, known: list[str]) -> list[projects.AccountProject]:
        """The projects, out of the cache where it holds them.

        :param known: gets the secrets that no error may show.
        """
        owner = self._account(known)
        key = self.get_cache_key(path)
        kept = self.get_option("cache")
        if kept and cache:
            found = hosts.from_cache(owner, self._cache.get(key))
            if found is not None:
                return found
        found = account.fetch(owner)
        if kept:
            self._cache[key] = hosts.to_cache(owner, found)
        return found

    def _account(self, known: list[str]) -> account.Account:
        params = {name: self.get_option(name) for name in PLAIN}
        params.update({name: self._text(name) for name in TEMPLATES})
        known.extend(filter(None, [params["account_secret"]]))
        problems: list[str] = []
        owner = account.account(params, os.environ, problems)
        if owner is None:
            error = InputError(problems)
            error.secrets = account.misplaced(params)
            raise error
        known.append(owner.secret)
        return owner

    def _text(self, name: str) -> str | None:
        value = self.get_option(name)
        found = value if value is None else self.templar.template(value)
        return found if found is None else str(found)

    def _add(self, name: str, project: projects.AccountProject, facts: dict[str, t.Any]) -> None:
        inventory: t.Any = self.inventory
        for group in hosts.groups(project):
            inventory.add_group(group)
            inventory.add_host(name, group=group)
        for variable, value in {**LOCAL, **facts}.items():
            inventory.set_variable(name, variable, value)
        self._set_composite_vars(self.get_option("compose"), facts, name, strict=self.get_option("strict"))
        for variable in self.get_option("compose") or ():
            value = inventory.get_host(name).vars.get(variable)
            if _is_plain(value):
                inventory.set_variable(name, variable, _unmarked(value))

    def _group(self, name: str, facts: dict[str, t.Any]) -> None:
        strict = self.get_option("strict")
        self._add_host_to_composed_groups(self.get_option("groups"), facts, name, strict=strict)
        self._add_host_to_keyed_groups(self.get_option("keyed_groups"), facts, name, strict=strict)


def _facts(project: projects.AccountProject) -> dict[str, t.Any]:
    return {variable: _data(value) for variable, value in hosts.variables(project).items()}
