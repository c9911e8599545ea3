# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Open questions about AWS, Google Cloud Storage, and Vonage, which only the live services can decide.

usage: python -m tests.live --help

Nothing in the repository runs it against a live service. ``docs/docsite/rst/dev_live.rst`` describes it.
"""
