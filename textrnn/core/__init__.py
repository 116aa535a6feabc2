"""What every room builds on: paths, settings, errors, files, progress, and the pool of processes."""
