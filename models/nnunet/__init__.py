"""nnU-Net trained on every task: the supervised upper bound (MultiverSeg, section 5.4; Isensee et al., 2021).

The pipeline is that of the package nnunetv2. It runs in child processes; nothing else imports nnunetv2.
"""
