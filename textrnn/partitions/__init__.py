"""The same work on each part of a corpus, by processes of this machine or on a Dask cluster."""
