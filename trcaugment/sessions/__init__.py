"""Folders of trials: finding the trials and their subjects."""
