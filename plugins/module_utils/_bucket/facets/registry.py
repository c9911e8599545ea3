# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""All facets, in the order in which they are written, except for public access, see ``_bucket/plan.py``.

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import typing as t

from .base import Facet
from .cors import CorsFacet
from .encryption import EncryptionFacet
from .folders import FoldersFacet
from .lifecycle import LifecycleFacet
from .ownership_versioning import OwnershipFacet, VersioningFacet
from .policy import OPTIONS, PolicyFacet
from .public_access_block import BlockFacet
from .tagging import TaggingFacet

FACETS: dict[str, Facet[t.Any, t.Any]] = {
    facet.name: facet
    for facet in (
        EncryptionFacet(),
        OwnershipFacet(),
        BlockFacet(),
        PolicyFacet(),
        VersioningFacet(),
        LifecycleFacet(),
        TaggingFacet(),
        FoldersFacet(),
        CorsFacet(),
    )
}
# The name of the facet that each option is about.
FACET_NAMES = {option: name for name in FACETS for option in (sorted(OPTIONS.values()) if name == "policy" else [name])}
