"""The report of a run: page, model card, figures; the PNGs: charts, axes, fonts."""
