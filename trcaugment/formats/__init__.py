"""Bytes to nouns and back: TRC, `.mot`, `subjects.csv`, and how files are written."""
