"""The way of a trial from keypoints to anatomical markers."""
