"""From markers to joint angles with OpenSim: the shipped model, checks, scaling, inverse kinematics, comparison."""
