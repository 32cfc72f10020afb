"""A model: its folder, its card, the network and the normalization of its windows."""
