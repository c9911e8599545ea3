# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A strict emulator of the archive and account requests of the Vonage Video (OpenTok) API."""

from __future__ import annotations

from .._faults import Fault
from .emulator import VonageEmulator
from .state import Application, Project

__all__ = ["Application", "Fault", "Project", "VonageEmulator"]
