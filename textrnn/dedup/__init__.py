"""Which messages belong together: templates, near-duplicates, groups."""
