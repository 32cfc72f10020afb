"""How good a model is on people whose markers are known."""
