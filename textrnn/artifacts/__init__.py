"""What one stage hands to the next: messages, labels, ragged arrays, and the record of a model."""
