"""Folder in which nnunetv2 looks for external trainers (``nnUNet_extTrainer``)."""
