"""Pages: self-contained HTML files that show a trial or a cohort in any browser, without a network."""
