"""Training of networks from a recipe."""
