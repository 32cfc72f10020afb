"""The steps of a trial from keypoints to anatomical markers."""
