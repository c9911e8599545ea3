# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The state of a process, which a task must not change for the next one.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import contextlib
import gc
import locale
import logging
import os
import signal
import sys
import typing as t
from dataclasses import dataclass
from warnings import catch_warnings, simplefilter

# Seconds between the repetitions of a timeout.
REPEAT_SECONDS = 0.5
_SIGNALS = sorted(signal.valid_signals())


@dataclass(frozen=True)
class ProcessState:
    """The settings of a process that libraries and AnsibleModule can change."""

    environ: t.Mapping[str, str]
    folder: int | None
    umask: int
    handlers: t.Mapping[int, t.Any]
    path: t.Sequence[str]
    locale: str
    garbage: tuple[bool, tuple[int, int, int]]

    @classmethod
    def read(cls) -> ProcessState:
        umask = os.umask(0o077)
        os.umask(umask)
        return cls(
            environ=dict(os.environ),
            folder=_open_folder(),
            umask=umask,
            handlers={number: signal.getsignal(number) for number in _SIGNALS},
            path=list(sys.path),
            locale=locale.setlocale(locale.LC_ALL),
            garbage=(gc.isenabled(), gc.get_threshold()),
        )

    def restore(self) -> None:
        """Restore the settings. It can be called once."""
        if self.environ != os.environ:
            os.environ.clear()
            os.environ.update(self.environ)
        if self.folder is not None:
            os.fchdir(self.folder)
            os.close(self.folder)
        os.umask(self.umask)
        for number, handler in self.handlers.items():
            # None is a handler that was not installed by Python. The alarm is restored last, see below.
            if number != signal.SIGALRM and handler is not None and signal.getsignal(number) != handler:
                signal.signal(number, handler)
        sys.path[:] = self.path
        locale.setlocale(locale.LC_ALL, self.locale)
        is_enabled, threshold = self.garbage
        gc.set_threshold(*threshold)
        (gc.enable if is_enabled else gc.disable)()


def _open_folder() -> int | None:
    """The working directory as a file descriptor, since its path can change; ``None`` if it cannot be opened."""
    try:
        return os.open(".", os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return None


@contextlib.contextmanager
def isolated_process() -> t.Iterator[None]:
    """Restore the state of the process after the block, and suppress warnings and log messages of libraries in it.

    Ansible does not show those of modules. Those of an action would be on the screen and in the log of Ansible.
    """
    state, level, libraries = ProcessState.read(), logging.root.manager.disable, contextlib.ExitStack()
    alarm = _Alarm(state.handlers[signal.SIGALRM])
    try:
        try:
            alarm.install()
            libraries.enter_context(catch_warnings())
            simplefilter("ignore")
            logging.disable(logging.CRITICAL)
            yield
        finally:
            alarm.is_deferred = True
    finally:
        libraries.close()
        logging.disable(level)
        state.restore()
        alarm.uninstall()


class _Alarm:
    """Repeats the exception of the keyword ``timeout`` of the task, which Ansible raises once.

    Without a repetition, a deletion of temporary objects could wait for the store for a minute. With it, the deletion
    succeeds if the store responds in time.

    :param handler: the handler of Ansible. It is not callable if the task has no timeout.
    """

    def __init__(self, handler: t.Any) -> None:
        self._handler = handler
        self._is_repeated = False
        self.is_deferred = False
        self._deferred: tuple[int, t.Any] | None = None

    def install(self) -> None:
        if callable(self._handler):
            signal.signal(signal.SIGALRM, self._handle)

    def _handle(self, number: int, frame: t.Any) -> None:
        if self.is_deferred:
            self._deferred = (number, frame)
            return
        self._is_repeated = True
        signal.setitimer(signal.ITIMER_REAL, REPEAT_SECONDS)
        self._handler(number, frame)

    def uninstall(self) -> None:
        if self._is_repeated:
            signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, self._handler)
        if self._deferred and not self._is_repeated:
            self._handler(*self._deferred)
