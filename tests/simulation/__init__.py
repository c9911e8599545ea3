# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deterministic simulation: several runs in one process, against models of S3, IAM, and the Vonage API.

``python -m tests.simulation --help`` shows the options. A seed decides everything: the same seed gives the same trace.
"""
