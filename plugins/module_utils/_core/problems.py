# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Collects everything that is wrong with the options of a call, before anything is sent. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import typing as t

from .errors import InputError


class Problem(t.NamedTuple):
    """A problem of one option; an empty ``option`` means a combination of options.

    :param message: without the name of the option and without a final full stop.
    """

    option: str
    message: str

    def __str__(self) -> str:
        return f"{self.option}: {self.message}" if self.option else self.message


class Problems:
    """A collection of problems.

    >>> problems = Problems()
    >>> problems.within("s3").add("bucket", "is required")
    >>> [str(problem) for problem in problems]
    ['s3.bucket: is required']
    """

    def __init__(self, prefix: str = "", collected: list[Problem] | None = None) -> None:
        self._prefix = prefix
        self._collected = [] if collected is None else collected

    def add(self, option: str, message: str) -> None:
        """Add one problem."""
        self._collected.append(Problem(f"{self._prefix}{option}" if option else self._prefix.rstrip("."), message))

    def add_if(self, option: str, message: str | None) -> None:
        """Add the message of a validator, if there is one."""
        if message:
            self.add(option, message)

    def within(self, option: str) -> Problems:
        """The same collection for the suboptions of an option."""
        return Problems(f"{self._prefix}{option}.", self._collected)

    def extend(self, problems: t.Iterable[Problem]) -> None:
        """Add problems of suboptions or of other options."""
        for problem in problems:
            self.add(problem.option, problem.message)

    def __iter__(self) -> t.Iterator[Problem]:
        return iter(dict.fromkeys(self._collected))

    def __bool__(self) -> bool:
        return bool(self._collected)

    def raise_if_any(self) -> None:
        """Refuse the options.

        :raises InputError: there is a problem.
        """
        if self:
            raise InputError(list(self))
