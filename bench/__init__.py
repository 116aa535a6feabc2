"""What takes long and is run by hand: the pipeline put to the test."""
