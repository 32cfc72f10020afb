"""Folders of trials: what is found in them, and whose it is."""
