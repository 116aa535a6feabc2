"""The model over HTTP: `textrnn serve`."""
