"""File formats: TRC, `.mot` and `subjects.csv`, read into data and written from it."""
