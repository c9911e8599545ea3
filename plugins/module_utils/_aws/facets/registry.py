# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""All facets, in the order in which they are written. A run can be interrupted at any point: writes that close the
bucket come first, writes that open it come last (see ``bucket_plan``).

PRIVATE to the collection ``vonage.archiving``: there is no stability promise outside of it.
"""

from __future__ import annotations

import typing as t

from ansible_collections.vonage.archiving.plugins.module_utils._aws.facets.base import Facet
from ansible_collections.vonage.archiving.plugins.module_utils._aws.facets.block import BlockFacet
from ansible_collections.vonage.archiving.plugins.module_utils._aws.facets.cors import CorsFacet
from ansible_collections.vonage.archiving.plugins.module_utils._aws.facets.encryption import EncryptionFacet
from ansible_collections.vonage.archiving.plugins.module_utils._aws.facets.folders import FoldersFacet
from ansible_collections.vonage.archiving.plugins.module_utils._aws.facets.lifecycle import LifecycleFacet
from ansible_collections.vonage.archiving.plugins.module_utils._aws.facets.policy import PolicyFacet
from ansible_collections.vonage.archiving.plugins.module_utils._aws.facets.settings import (
    OwnershipFacet,
    VersioningFacet,
)
from ansible_collections.vonage.archiving.plugins.module_utils._aws.facets.tagging import TaggingFacet

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
