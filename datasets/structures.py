"""The twenty structures of the brain that are segmented on coronal slices (InterConv, Table 2)."""

from __future__ import annotations

FREESURFER = {
    2: "left-cerebral-white-matter",
    3: "left-cerebral-cortex",
    4: "left-lateral-ventricle",
    5: "left-inferior-lateral-ventricle",
    10: "left-thalamus",
    11: "left-caudate",
    12: "left-putamen",
    14: "3rd-ventricle",
    16: "brain-stem",
    17: "left-hippocampus",
    28: "left-ventral-dc",
    41: "right-cerebral-white-matter",
    42: "right-cerebral-cortex",
    43: "right-lateral-ventricle",
    44: "right-inferior-lateral-ventricle",
    49: "right-thalamus",
    50: "right-caudate",
    51: "right-putamen",
    53: "right-hippocampus",
    60: "right-ventral-dc",
}
"""Name of each number in FreeSurfer's label maps, in the paper's order."""

STRUCTURES = tuple(FREESURFER.values())
"""The name of label k is ``STRUCTURES[k - 1]``."""
