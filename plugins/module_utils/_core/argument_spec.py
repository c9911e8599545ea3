# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Validates options by an argument spec, for use cases that are not called by a module.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import typing as t

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from .errors import InputError
from .values import none_if_blank, without_empty


def validate_options(
    argument_spec: t.Mapping[str, t.Any], options: t.Mapping[str, t.Any], keep_empty_strings: t.Collection[str] = ()
) -> dict[str, t.Any]:
    """Return the options with their types and defaults. An empty string means that an option is not set.

    :param keep_empty_strings: options of type dict that contain data, in which an empty string is a value.
    :raises InputError: with all problems.
    """
    data = {name: options[name] for name in keep_empty_strings if none_if_blank(options.get(name)) is not None}
    set_options = {name: value for name, value in {**without_empty(dict(options)), **data}.items() if value is not None}
    validation = ArgumentSpecValidator(dict(argument_spec)).validate(set_options)
    if validation.error_messages:
        raise InputError(validation.error_messages)
    return dict(validation.validated_parameters)
