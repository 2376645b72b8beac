"""nnU-Net trained on every task: the supervised upper bound (MultiverSeg, section 5.4; Isensee et al., 2021).

The real pipeline of the package nnunetv2, in child processes; it is imported nowhere else.
"""
