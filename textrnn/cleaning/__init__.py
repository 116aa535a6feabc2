"""The rows of a corpus cleaned: one batch in a worker process, and what became of all of them."""
