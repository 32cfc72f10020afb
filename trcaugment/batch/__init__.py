"""Whole cohorts: what becomes of which trial, the processes that do the work, joint angles, and the report."""
