"""Evaluation of models on windows and trials with known markers."""
