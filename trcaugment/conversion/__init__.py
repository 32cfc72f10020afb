"""Convert keypoint files to marker files with sidecars: one trial or a cohort, in one process or several."""
