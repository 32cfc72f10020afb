"""From files to files: one trial or a cohort, with sidecars, in one process or many."""
