"""Predict 35 anatomical markers from sparse 3-D video keypoints. See `trcaugment --help`."""
