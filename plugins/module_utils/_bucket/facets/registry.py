# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""All facets, in the order in which they are written. A run can be interrupted at any point: writes that close the
bucket come first, writes that open it come last (see ``bucket_plan``).

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
from .policy import PolicyFacet
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
