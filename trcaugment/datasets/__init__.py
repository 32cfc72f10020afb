"""Local data sets: windows of known subjects, read, examined, split by subject and written."""
