"""Skeleton, forward kinematics of many people, motions, detector errors, and the training windows made with them."""
