# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The base class of actions that run a module directly, see ``_core/direct.py``.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import os
import typing as t
from dataclasses import replace

from ansible import constants
from ansible.errors import AnsibleActionFail
from ansible.plugins.action.normal import ActionModule as NormalAction
from ansible.release import __version__
from ansible.utils.unsafe_proxy import wrap_var
from ansible.vars import clean

from ansible_collections.vonage.archiving.plugins.module_utils._core import direct
from ansible_collections.vonage.archiving.plugins.module_utils._core.execute import ModuleSpec
from ansible_collections.vonage.archiving.plugins.module_utils._core.progress import runtime_with_reports

from ._libraries import load_early, load_libraries
from ._role_failure import explain_failure_in_role

CORE = tuple(map(int, __version__.split(".")[:2]))
load_early()


class DirectAction(NormalAction):
    """The action of other modules, except that this module runs without a process of its own if possible."""

    module: t.ClassVar[ModuleSpec]

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result: dict[str, t.Any] = super().run(tmp, task_vars)  # type: ignore[no-untyped-call]
        return explain_failure_in_role(self, result, task_vars)

    def _execute_module(self, *args: t.Any, **options: t.Any) -> dict[str, t.Any]:
        task_vars: dict[str, t.Any] = options.get("task_vars") or {}
        environ = self._task_environment()
        reason = direct.reason_for_module(self._facts(task_vars, environ))
        if not reason:
            module_args = self._task.args
            self._update_module_args(self._task.action, module_args, task_vars)
            try:
                encoded = direct.encode_options(module_args)
            except TypeError as exc:
                reason = f"the options cannot be serialized: {exc}"
        if reason:
            self._display.vvv(f"Running {self._task.action} as a module: {reason}")
            result: dict[str, t.Any] = super()._execute_module(*args, **options)
            return result
        self._display.vvv(f"Running {self._task.action} without a module process")
        runtime = runtime_with_reports(self._display.display, str(task_vars.get("inventory_hostname", "")))
        folder = self._loader.get_basedir()
        return self._parse(direct.run_directly(self.module, encoded, environ, folder, runtime))

    def _task_environment(self) -> dict[str, str]:
        environ: dict[str, t.Any] = {}
        self._compute_environment_string(environ)
        # YAML can contain numbers and booleans.
        return {name: str(value) for name, value in environ.items()}

    def _facts(self, task_vars: dict[str, t.Any], environ: dict[str, str]) -> direct.Facts:
        try:
            is_enabled = direct.is_enabled(self._templar.template(task_vars.get(direct.VARIABLE)), os.environ)
        except ValueError as exc:
            raise AnsibleActionFail(str(exc)) from None
        facts = direct.Facts(
            is_enabled=is_enabled,
            core=CORE,
            connection=str(self._connection.ansible_name),
            has_become=self._connection.become is not None,
            is_async=bool(self._task.async_val),
            keeps_module_files=constants.config.get_config_value("DEFAULT_KEEP_REMOTE_FILES"),
            interpreter=self._configured_interpreter(task_vars),
            environ=environ,
            folder=str(self._loader.get_basedir()),
        )
        # Libraries are not loaded on a controller whose tasks run elsewhere.
        needs_libraries = not direct.reason_for_module(facts)
        return replace(facts, library_problem=load_libraries()) if needs_libraries else facts

    def _configured_interpreter(self, task_vars: dict[str, t.Any]) -> str:
        """The interpreter of modules from the variable or the configuration, like ``_get_shebang`` of ansible-core."""
        host = self._task.delegate_to
        variables = task_vars["ansible_delegated_vars"][host] if host else task_vars
        value = constants.config.get_config_value("INTERPRETER_PYTHON", variables=variables)
        try:
            return str(self._templar.template(value))
        except Exception:  # a module process reports the error
            return str(value)

    def _parse(self, output: direct.Output) -> dict[str, t.Any]:
        """Convert the output of the module, as ``_execute_module`` of ansible-core does."""
        response = {
            "rc": output.status,
            "stdout": output.stdout,
            "stdout_lines": output.stdout.splitlines(),
            "stderr": output.stderr,
            "stderr_lines": output.stderr.splitlines(),
        }
        # Its signature and its result depend on the release of ansible-core.
        parse: t.Callable[..., t.Any] = self._parse_returned_data
        data = parse(response) if CORE < (2, 19) else parse(response, direct.PROFILE)
        if not isinstance(data, dict):  # ansible-core 2.21
            data.remove_internal_keys()
            return dict(data.as_result_dict(for_round_trip=True))
        functions: t.Any = clean
        functions.remove_internal_keys(data)
        return dict(wrap_var(data) if CORE < (2, 19) else data)
