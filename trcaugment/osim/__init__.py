"""Joint angles from markers with OpenSim: the shipped model, file checks, scaling, inverse kinematics, comparison."""
