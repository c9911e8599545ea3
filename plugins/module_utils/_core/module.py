# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs a use case as an Ansible module.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import atexit
import gc
import os
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.validation import check_type_dict

from .environment import GARBAGE_THRESHOLD, drop_empty_aws_variables
from .execute import UseCase, execute
from .plan import Context
from .runtime import SYSTEM, Runtime
from .secrets import mark_as_secret
from .values import without_empty


class ArchivingModule(AnsibleModule):
    """An AnsibleModule for which an empty string means that an option is not set, whatever its type.

    AWX passes an empty input as an empty string, which is not a valid boolean or number.

    :param keep_empty_strings: options of type dict that contain data, in which an empty string is a value.
    """

    def __init__(self, keep_empty_strings: t.Sequence[str], **settings: t.Any) -> None:
        self._keep_empty_strings = keep_empty_strings
        super().__init__(**settings)  # type: ignore[no-untyped-call]

    def _load_params(self) -> None:
        super()._load_params()  # type: ignore[no-untyped-call]
        names = [name for name in self._keep_empty_strings if name in self.params]
        data = {name: _parse_dict(self.params[name]) for name in names}
        kept = {name: value for name, value in data.items() if isinstance(value, dict)}
        self.params = {**without_empty(self.params), **kept}


def _parse_dict(value: t.Any) -> t.Any:
    """Parse a dict in a string (JSON, or ``a=b c=d``); return every other value unchanged.

    AnsibleModule parses it only after it has collected the values of ``no_log`` options. It would redact the string as
    a whole, and show the values in it.
    """
    if not isinstance(value, str) or not value.strip():
        return value
    try:
        return check_type_dict(value)
    except TypeError:
        return value


def run_module(
    use_case: UseCase, argument_spec: dict[str, t.Any], keep_empty_strings: t.Sequence[str] = (), **rules: t.Any
) -> t.NoReturn:
    """Run a use case as a module, and exit.

    :param argument_spec: the argument spec, in the format of AnsibleModule.
    :param keep_empty_strings: options of type dict in which an empty string is a value.
    :param rules: ``required_if``, ``mutually_exclusive``, and other rules of AnsibleModule.
    """
    # Collections at the end of the process do not free anything that is needed.
    atexit.register(gc.freeze)
    exit_module(use_case, argument_spec, keep_empty_strings, **rules)


def exit_module(
    use_case: UseCase,
    argument_spec: dict[str, t.Any],
    keep_empty_strings: t.Sequence[str] = (),
    runtime: Runtime = SYSTEM,
    **rules: t.Any,
) -> t.NoReturn:
    """Run a use case as a module, print the result, and raise SystemExit; see :func:`run_module`."""
    module = ArchivingModule(keep_empty_strings, argument_spec=argument_spec, supports_check_mode=True, **rules)
    # Collections are a third of the time that a module needs to load botocore.
    gc.set_threshold(GARBAGE_THRESHOLD)
    drop_empty_aws_variables()

    def register_secret(secret: str) -> None:
        module.no_log_values.add(secret)
        mark_as_secret(secret)

    context = Context(
        check_mode=module.check_mode,
        diff_mode=module._diff,
        environ=dict(os.environ),
        secrets=[str(value) for value in module.no_log_values],
        register_secret=register_secret,
        runtime=runtime,
    )
    # No exception is being handled here: fail_json of ansible-core 2.18 and older would add its traceback.
    _exit(module, execute(use_case, module.params, context))


def _exit(module: AnsibleModule, result: dict[str, t.Any]) -> t.NoReturn:
    for warning in result.pop("warnings", ()):
        module.warn(warning)
    if result.pop("failed", False):
        module.fail_json(**result)
    module.exit_json(**result)
