"""The report of a run: page, model card, figures, charts."""
