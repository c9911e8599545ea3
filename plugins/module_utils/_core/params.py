# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options as a module gets them from Ansible, for use cases that are called by others.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import typing as t

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from .errors import InputError
from .values import given, without_empty


def validated(
    arguments: t.Mapping[str, t.Any], params: t.Mapping[str, t.Any], verbatim: t.Collection[str] = ()
) -> dict[str, t.Any]:
    """Options as a module gets them from Ansible: of their types, with defaults; empty strings are not given.

    :param verbatim: options that hold data rather than options; in data, an empty string is a value.
    :raises InputError: with everything that is wrong.
    """
    data = {name: params[name] for name in verbatim if given(params.get(name)) is not None}
    some = {name: value for name, value in {**without_empty(dict(params)), **data}.items() if value is not None}
    found = ArgumentSpecValidator(dict(arguments)).validate(some)
    if found.error_messages:
        raise InputError(found.error_messages)
    return dict(found.validated_parameters)
