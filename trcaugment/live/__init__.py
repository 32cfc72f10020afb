"""Markers of trials that are still being recorded."""
