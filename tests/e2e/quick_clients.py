# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""botocore works out once in a process what is the same for each of a thousand clients.

Making a client takes longer than most calls of one: the description of its service is read, and the parameters of
hundreds of handlers are looked at. What is kept here depends on nothing that a client is made with.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from types import FunctionType, MethodType
from typing import Any

Function = Callable[..., Any]


def remember() -> None:
    """Do so from now on, for the rest of this process; a botocore that has not these functions stays as it is."""
    for place, attribute, kept in (
        ("botocore.session", "create_loader", functools.cache),
        ("botocore.loaders", "create_loader", functools.cache),
        ("botocore.hooks", "accepts_kwargs", _of_function),
        ("botocore.hooks.EventAliaser", "_alias_event_name", _of_name),
        ("botocore.client.ClientCreator", "_create_api_method", _of_operation),
    ):
        holder = _found(place)
        function = getattr(holder, attribute, None)
        if function and not hasattr(function, "__wrapped__"):
            setattr(holder, attribute, kept(function))


def _found(place: str) -> Any:
    module, _dot, name = place.rpartition(".")
    return getattr(importlib.import_module(module), name) if name[0].isupper() else importlib.import_module(place)


def _of_function(function: Function) -> Function:
    """Of what is bound to an object, the function alone is kept."""
    known: dict[object, Any] = {}

    @functools.wraps(function)
    def kept(handler: Any) -> Any:
        plain = handler.__func__ if isinstance(handler, MethodType) else handler
        if not isinstance(plain, FunctionType):
            return function(handler)
        if plain.__code__ not in known:
            known[plain.__code__] = function(handler)
        return known[plain.__code__]

    return kept


def _of_name(function: Function) -> Function:
    known: dict[str, str] = {}

    @functools.wraps(function)
    def kept(self: Any, name: str) -> str:
        if name not in known:
            # The table of all aliases is the same for every session.
            known[name] = function(self, name)
        return known[name]

    return kept


def _of_operation(function: Function) -> Function:
    known: dict[tuple[str, str], Any] = {}

    @functools.wraps(function)
    def kept(self: Any, name: str, operation: str, service: Any) -> Any:
        key = (service.service_name, operation)
        if key not in known:
            known[key] = function(self, name, operation, service)
        return known[key]

    return kept
