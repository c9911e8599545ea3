# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Collects the problems of the options of a call, before anything is sent. Pure.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import re
import typing as t

from .errors import InputError

T = t.TypeVar("T")


class Problem(t.NamedTuple):
    """A problem of one option; an empty ``option`` means a combination of options.

    :param message: without the name of the option and without a final full stop.
    """

    option: str
    message: str

    def __str__(self) -> str:
        return f"{self.option}: {self.message}" if self.option else self.message

    def rename(self, names: t.Mapping[str, str]) -> Problem:
        """The problem with another name of its option, or of the nearest parent that the mapping contains.

        >>> str(Problem("tags[0].key", "is empty").rename({"tags": "bucket_tags"}))
        'bucket_tags[0].key: is empty'

        :param names: the new names of options, by their paths such as ``s3.bucket``. Other options keep their names.
        """
        ends = [len(self.option), *(match.start() for match in reversed([*re.finditer(r"[.\[]", self.option)]))]
        end = next((end for end in ends if self.option[:end] in names), 0)
        return self._replace(option=names.get(self.option[:end], "") + self.option[end:])


class Problems:
    """A collection of problems.

    >>> problems = Problems()
    >>> problems.within("s3").add("bucket", "is required")
    >>> [str(problem) for problem in problems]
    ['s3.bucket: is required']

    :param prefix: the beginning of the names of all options.
    """

    def __init__(self, prefix: str = "", collected: list[Problem] | None = None) -> None:
        self._prefix = prefix
        self._collected = [] if collected is None else collected

    def add(self, option: str, message: str) -> None:
        """Add one problem; without an option, it is a problem of the option that :meth:`within` named."""
        parent = self._prefix[:-1] if self._prefix.endswith(".") else ""
        self._collected.append(Problem(f"{self._prefix}{option}" if option else parent, message))

    def add_if(self, option: str, message: str | None) -> None:
        """Add the message of a validator, if there is one."""
        if message:
            self.add(option, message)

    def within(self, option: str) -> Problems:
        """The same collection for the suboptions of an option."""
        return Problems(f"{self._prefix}{option}.", self._collected)

    def extend(self, problems: t.Iterable[Problem | str], names: t.Mapping[str, str] | None = None) -> None:
        """Add problems of suboptions or of other options; a text becomes a problem without an option.

        :param names: new names of options, see :meth:`Problem.rename`.
        """
        for problem in problems:
            typed = Problem("", problem) if isinstance(problem, str) else problem.rename(names or {})
            self.add(typed.option, typed.message)

    def collect(self, parse: t.Callable[..., T], *args: t.Any) -> T | None:
        """Call a parser, and add the problems that it raises."""
        try:
            return parse(*args)
        except InputError as exc:
            self.extend(exc.problems)
            return None

    def __iter__(self) -> t.Iterator[Problem]:
        return iter(dict.fromkeys(self._collected))

    def __bool__(self) -> bool:
        return bool(self._collected)

    def raise_if_any(self) -> None:
        """Refuse the options.

        :raises InputError: there is a problem.
        """
        if self:
            raise InputError(self)
