# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Caches for botocore: values that are the same for all clients of a process are computed once.

Creating a client takes longer than most of its calls, because botocore reads the description of the service and
inspects the parameters of hundreds of handlers. The cached values do not depend on the arguments of a client.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from types import FunctionType, MethodType
from typing import Any

Function = Callable[..., Any]


def enable() -> None:
    """Enable the caches for the rest of this process, except for functions that this botocore does not have."""
    for path, attribute, cached in (
        ("botocore.session", "create_loader", functools.cache),
        ("botocore.loaders", "create_loader", functools.cache),
        ("botocore.hooks", "accepts_kwargs", _cache_by_function),
        ("botocore.hooks.EventAliaser", "_alias_event_name", _cache_by_name),
        ("botocore.client.ClientCreator", "_create_api_method", _cache_by_operation),
    ):
        owner = _import_object(path)
        function = getattr(owner, attribute, None)
        if function and not hasattr(function, "__wrapped__"):
            setattr(owner, attribute, cached(function))


def _import_object(path: str) -> Any:
    module, _dot, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name) if name[0].isupper() else importlib.import_module(path)


def _cache_by_function(function: Function) -> Function:
    """Cache by the code of the handler, which bound methods share."""
    values: dict[object, Any] = {}

    @functools.wraps(function)
    def cached(handler: Any) -> Any:
        plain = handler.__func__ if isinstance(handler, MethodType) else handler
        if not isinstance(plain, FunctionType):
            return function(handler)
        if plain.__code__ not in values:
            values[plain.__code__] = function(handler)
        return values[plain.__code__]

    return cached


def _cache_by_name(function: Function) -> Function:
    values: dict[str, str] = {}

    @functools.wraps(function)
    def cached(self: Any, name: str) -> str:
        if name not in values:
            # All sessions have the same aliases.
            values[name] = function(self, name)
        return values[name]

    return cached


def _cache_by_operation(function: Function) -> Function:
    values: dict[tuple[str, str], Any] = {}

    @functools.wraps(function)
    def cached(self: Any, name: str, operation: str, service: Any) -> Any:
        key = (service.service_name, operation)
        if key not in values:
            values[key] = function(self, name, operation, service)
        return values[key]

    return cached
