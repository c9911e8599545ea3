# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A strict emulator of the calls of the Heroku Platform API that read and update config vars."""

from __future__ import annotations

from .emulator import HerokuEmulator
from .state import App

__all__ = ["App", "HerokuEmulator"]
