"""Local data sets: reading, checking, splitting by subject, and writing windows of known subjects."""
