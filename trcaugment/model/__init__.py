"""Models: the folder, the card, the network and the normalization of windows."""
