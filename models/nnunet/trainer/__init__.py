"""The folder in which nnunetv2 looks for our trainer (``nnUNet_extTrainer``); nothing else belongs here."""
