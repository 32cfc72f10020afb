"""One body, two realisations: an OpenSim model and forward kinematics, and the training windows made with them."""
